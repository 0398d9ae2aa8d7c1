//! The program: everything is in the library.

fn main() -> std::process::ExitCode {
    etcdops::cli::run(std::env::args_os()).into()
}

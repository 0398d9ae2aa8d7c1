//! Servers on loopback that are no etcd: gone when dropped.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server that does one thing with every connection.
pub struct Fake {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Fake {
    async fn serve<F>(each: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(each(socket));
            }
        });
        Self { address, task }
    }

    /// Accepts and never says anything.
    pub async fn black_hole() -> Self {
        Self::serve(|socket| async move {
            let _held = socket;
            std::future::pending::<()>().await;
        })
        .await
    }

    /// Answers everything with these bytes and closes.
    pub async fn saying(bytes: &'static [u8]) -> Self {
        Self::serve(move |mut socket| async move {
            let mut ignored = [0; 4096];
            let _ = socket.read(&mut ignored).await;
            let _ = socket.write_all(bytes).await;
            let _ = socket.shutdown().await;
        })
        .await
    }

    /// A web server.
    pub async fn web() -> Self {
        Self::saying(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno").await
    }

    /// Agrees on TLS with this certificate (`FILE.pem`, `FILE.key`) and says nothing more.
    pub async fn secure(folder: &Path, file: &str) -> Self {
        etcdops::transport::tls::install_provider();
        let chain = CertificateDer::pem_file_iter(folder.join(format!("{file}.pem")))
            .unwrap()
            .collect::<Result<Vec<_>, _>>()
            .unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.join(format!("{file}.key"))).unwrap();
        let mut config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        Self::serve(move |socket| {
            let acceptor = acceptor.clone();
            async move {
                let _held = acceptor.accept(socket).await;
                std::future::pending::<()>().await;
            }
        })
        .await
    }

    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

//! Sizes for people.

/// Bytes for people: `20 KiB`, `1.5 GiB`.
#[expect(clippy::cast_precision_loss, reason = "shown with one digit behind the point")]
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" || value >= 100.0 || (value - value.round()).abs() < 0.05 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_short() {
        let shown: Vec<String> = [0, 1023, 1024, 20_480, 1_610_612_736, 1 << 40].map(bytes).to_vec();
        assert_eq!(shown, ["0 B", "1023 B", "1 KiB", "20 KiB", "1.5 GiB", "1 TiB"]);
    }
}

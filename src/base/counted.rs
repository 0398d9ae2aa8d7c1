//! Numbers and ages for people.

/// `1 entry`, `1,204 entries`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// `1,204`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds in the greatest unit in which they are at least one: `41 minutes`.
pub fn length(seconds: i64) -> String {
    let (number, one, many) = match seconds {
        ..60 => (seconds, "second", "seconds"),
        60..3600 => (seconds / 60, "minute", "minutes"),
        3600..172_800 => (seconds / 3600, "hour", "hours"),
        _ => (seconds / 86_400, "day", "days"),
    };
    counted(number.unsigned_abs(), one, many)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_lengths_short() {
        assert_eq!(counted(1, "entry", "entries"), "1 entry");
        assert_eq!(counted(1_204_000, "entry", "entries"), "1,204,000 entries");
        let lengths: Vec<String> = [0, 59, 60, 7199, 172_800].map(length).to_vec();
        assert_eq!(lengths, ["0 seconds", "59 seconds", "1 minute", "1 hour", "2 days"]);
    }
}

//! Numbers as the store writes and reads them: decimal, 64 bits, signed, one way of writing each.

/// The number that this is, if it is written as the store would write it: no sign but a minus, no zero before it, no space.
pub fn decimal(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let once = match digits.as_bytes() {
        [b'0'] => text == "0",
        [b'1'..=b'9', ..] => true,
        _ => false,
    };
    if once { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_in_one_way() {
        for (text, number) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("+1", None),
            ("01", None),
            ("-0", None),
            ("1 ", None),
            ("1.0", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(decimal(text.as_bytes()), number, "{text:?}");
        }
        assert_eq!(decimal(&[0xff]), None);
    }
}

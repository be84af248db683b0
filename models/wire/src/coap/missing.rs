//! Lists of blocks that have not arrived: a sequence of unsigned integers in CBOR (RFC 9177 §5, RFC 8742).

/// The Content-Format application/missing-blocks+cbor-seq (RFC 9177 §12.3).
pub const MISSING_BLOCKS: u32 = 272;

/// Writes numbers, which ascend, as far as `room` bytes hold them.
pub fn emit_missing(numbers: impl IntoIterator<Item = u32>, room: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in numbers {
        let value = number.to_be_bytes();
        let mut item = match number {
            0..24 => vec![number as u8],
            24..0x100 => vec![0x18, value[3]],
            0x100..0x1_0000 => vec![0x19, value[2], value[3]],
            0x1_0000.. => vec![0x1A, value[0], value[1], value[2], value[3]],
        };
        if bytes.len() + item.len() > room {
            break;
        }
        bytes.append(&mut item);
    }
    bytes
}

/// Reads numbers, those that come twice once; nothing if it is no such list, or one that does not ascend, which its receiver
/// drops (RFC 9177 §5).
pub fn parse_missing(bytes: &[u8]) -> Option<Vec<u32>> {
    let mut numbers: Vec<u32> = Vec::new();
    let mut rest = bytes;
    while let Some((&first, behind)) = rest.split_first() {
        let len = match first {
            0..24 => 0,
            0x18 => 1,
            0x19 => 2,
            0x1A => 4,
            0x1B => 8,
            _ => return None,
        };
        let value = behind.get(..len)?;
        rest = &behind[len..];
        let number = value
            .iter()
            .fold(if len == 0 { u64::from(first) } else { 0 }, |number, &byte| number << 8 | u64::from(byte));
        let number = u32::try_from(number).ok()?;
        match numbers.last() {
            Some(&last) if last > number => return None,
            Some(&last) if last == number => {}
            Some(_) | None => numbers.push(number),
        }
    }
    (!numbers.is_empty()).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Holds: RFC 9177 5-a, 5-b
    #[test]
    fn a_list_of_missing_blocks_is_a_sequence_of_integers_in_cbor() {
        // RFC 8949 §3.1: below 24 in the first byte, then 1, 2 or 4 bytes behind 0x18, 0x19, 0x1A.
        let numbers = [1, 9, 23, 24, 255, 256, 65_535, 65_536, 1_048_575];
        let bytes = [
            &[1, 9, 23, 0x18, 24, 0x18, 255, 0x19, 1, 0, 0x19, 255, 255][..],
            &[0x1A, 0, 1, 0, 0, 0x1A, 0, 15, 255, 255],
        ]
        .concat();
        assert_eq!(emit_missing(numbers, 100), bytes);
        assert_eq!(parse_missing(&bytes), Some(numbers.to_vec()));
        assert_eq!(emit_missing(numbers, 12), bytes[..10], "what does not fit is left out");
    }

    // Holds: RFC 9177 5-c
    #[test]
    fn a_number_that_comes_twice_counts_once_and_a_list_that_descends_is_none() {
        assert_eq!(parse_missing(&[3, 3, 4]), Some(vec![3, 4]));
        assert_eq!(parse_missing(&[4, 3]), None);
        for bad in
            [&[][..], &[0x18], &[0x19, 1], &[0x82, 1, 2], &[0x20], &[0xFF], &[0x1B, 1, 0, 0, 0, 0, 0, 0, 0]]
        {
            assert_eq!(parse_missing(bad), None, "{bad:?}");
        }
    }
}

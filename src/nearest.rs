//! The valid name that was probably meant.

/// The candidate nearest to `name`, if it is near enough to have been meant: at most a third of the letters differ, or
/// one begins with the other.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = fold(name);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other = fold(candidate);
        let length = wanted.chars().count().max(other.chars().count());
        let begins = wanted.chars().count() >= 3 && other.starts_with(&wanted);
        let distance = if begins { 1 } else { strsim::damerau_levenshtein(&wanted, &other) };
        if distance <= length / 3 && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The distance takes quadratic time: a very long name must not stall the program.
fn fold(name: &str) -> String {
    name.chars().take(COMPARED_CHARS_MAX).collect::<String>().to_lowercase().replace('_', "-")
}

const COMPARED_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_pair_of_letters_is_near() {
        // One exchange in 10 letters; a third of 10 is 3.
        assert_eq!(nearest("tpc-vs-udp", ["queues", "tcp-vs-udp"]), Some("tcp-vs-udp"));
    }

    #[test]
    fn another_word_is_not_near() {
        assert_eq!(nearest("satellite", ["queues", "tcp-vs-udp"]), None);
    }
}

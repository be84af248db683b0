//! The valid name that was probably meant.

/// The candidate nearest to `name`, if one is near enough to have been meant.
///
/// Near enough: at most a third of the letters differ (Damerau-Levenshtein, without regard to case), or the candidate
/// begins with `name`. Of equally near candidates the first is taken.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = fold(name);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let folded = fold(candidate);
        let mut distance = strsim::damerau_levenshtein(&wanted, &folded);
        let (length, other) = (wanted.chars().count(), folded.chars().count());
        if length >= 3 && folded.starts_with(&wanted) {
            distance = distance.min(1);
        }
        // Names of one or two letters are all near to each other: there only case may differ.
        let limit = if length.max(other) < 3 { 0 } else { (length.max(other) / 3).max(1) };
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `did you mean `x`?` for the nearest candidate, else the list of all candidates if it is short.
pub(crate) fn suggestion<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(near) = nearest(name, candidates.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    match candidates.len() {
        0 => None,
        1..=LISTED_MAX => Some(format!("known here: {}", list(&candidates))),
        more => {
            Some(format!("known here: {} and {} more", list(&candidates[..LISTED_MAX]), more - LISTED_MAX))
        }
    }
}

/// Names in code quotes, separated by commas.
pub(crate) fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn fold(name: &str) -> String {
    let few: String = name.chars().take(COMPARED_CHARS_MAX).collect();
    few.to_lowercase().replace('_', "-")
}

/// Longer lists of names do not help a reader.
const LISTED_MAX: usize = 12;

/// The distance takes quadratic time: a name of a megabyte must not stall the program.
const COMPARED_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_pair_of_letters_is_near() {
        assert_eq!(nearest("tpc", ["udp", "tcp"]), Some("tcp"));
    }

    #[test]
    fn nothing_is_near_to_another_word() {
        assert_eq!(nearest("satellite", ["udp", "tcp"]), None);
    }

    #[test]
    fn case_and_underscores_do_not_count() {
        assert_eq!(nearest("WARM_UP", ["warm-up", "drain"]), Some("warm-up"));
    }
}

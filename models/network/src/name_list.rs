//! Many names in one piece of text: a name costs its letters and four bytes.

/// Names by number, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameList {
    text: String,
    /// Where each name ends in the text.
    ends: Vec<u32>,
}

impl NameList {
    /// An empty list with room for `names` names of `letters` bytes in all.
    pub(crate) fn with_capacity(names: usize, letters: usize) -> Self {
        Self { text: String::with_capacity(letters), ends: Vec::with_capacity(names) }
    }

    /// Adds a name behind the others.
    ///
    /// # Panics
    ///
    /// If all names together are longer than 4 GiB.
    pub(crate) fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(u32::try_from(self.text.len()).expect("a world's names are shorter than 4 GiB"));
    }

    /// No more names will come: gives back the room for them.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// The name with that number.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub(crate) fn get(&self, number: usize) -> &str {
        let start = if number == 0 { 0 } else { self.ends[number - 1] as usize };
        &self.text[start..self.ends[number] as usize]
    }

    /// Bytes of all names.
    pub(crate) fn letters(&self) -> usize {
        self.text.len()
    }

    /// Bytes that the list takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_numbers() {
        let mut names = NameList::with_capacity(3, 8);
        for name in ["a", "", "sensor[3]"] {
            names.push(name);
        }
        assert_eq!([names.get(0), names.get(1), names.get(2)], ["a", "", "sensor[3]"]);
        assert_eq!(names.letters(), 10);
    }
}

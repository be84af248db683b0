//! A CoAP message in a few words.

use wire::coap::{Block, Code, Head, Kind, OptionNumber, Token};

/// The label of a message.
pub(super) fn label(head: &Head, payload: usize) -> String {
    let mut words = vec![head.kind.name().to_owned()];
    if head.code != Code::EMPTY || head.kind == Kind::Confirmable {
        words.push(head.code.to_string());
    }
    words.push(format!("MID {:#06x}", head.message_id));
    if head.token != Token::EMPTY {
        words.push(format!("token {}", head.token));
    }
    let path = head.options.path();
    if !path.is_empty() {
        words.push(format!("/{path}"));
    }
    for option in &head.options {
        let name = option.number.to_string();
        match option.number {
            OptionNumber::URI_PATH => {}
            OptionNumber::BLOCK1 | OptionNumber::BLOCK2 | OptionNumber::Q_BLOCK1 | OptionNumber::Q_BLOCK2 => {
                let Some(block) = Block::parse(option.value) else { continue };
                // The notation of RFC 7959 §2.2 and RFC 9177 §10.
                let which = match option.number {
                    OptionNumber::BLOCK1 => "1",
                    OptionNumber::BLOCK2 => "2",
                    OptionNumber::Q_BLOCK1 => "QB1",
                    _ => "QB2",
                };
                words.push(format!(
                    "{which}:{}/{}/{}",
                    block.number,
                    u8::from(block.more),
                    block.size.bytes()
                ));
            }
            _ => match wire::coap::uint(option.value) {
                Some(value) => words.push(format!("{name} {value}")),
                None => words.push(name),
            },
        }
    }
    if payload > 0 {
        words.push(format!("{payload} B"));
    }
    words.join(" ")
}

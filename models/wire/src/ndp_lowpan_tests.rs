use super::*;
use crate::ndp_options::{NdpOption, NdpOptionList, NdpOptions};

const EUI: ExtendedAddress = ExtendedAddress([0x02, 0, 0, 0, 0, 0, 0, 9]);

fn bytes(option: NdpOption<'_>) -> Vec<u8> {
    let mut list = NdpOptionList::new();
    list.try_push(option).unwrap();
    let read: Vec<_> = list.options().iter().collect();
    assert_eq!(read, [option]);
    list.options().as_bytes().to_vec()
}

// Holds: RFC 6775 4.1-a
#[test]
fn a_registration_has_the_bytes_of_rfc_6775() {
    let registration = AddressRegistration {
        status: Status::DUPLICATE_ADDRESS,
        lifetime: 0x1234,
        rovr: Rovr::of_eui64(EUI),
        transaction: None,
    };
    let out = bytes(NdpOption::AddressRegistration(registration));
    assert_eq!(out, [33, 2, 1, 0, 0, 0, 0x12, 0x34, 0x02, 0, 0, 0, 0, 0, 0, 9]);
}

// Holds: RFC 8505 4.1-a, 4.1-b, 5.3-a
#[test]
fn an_extended_registration_has_the_bytes_of_figure_1_for_each_size_of_the_rovr() {
    let transaction = Transaction { id: 240, routed: true, opaque: 0 };
    for (units, len) in [(2u8, 8), (3, 16), (4, 24), (5, 32)] {
        let rovr = Rovr::new(&vec![7; len]).unwrap();
        let registration = AddressRegistration {
            status: Status::SUCCESS,
            lifetime: 10,
            rovr,
            transaction: Some(transaction),
        };
        let out = bytes(NdpOption::AddressRegistration(registration));
        // R is bit 6, T bit 7 of the flags: 0000 0011.
        assert_eq!(out[..8], [33, units, 0, 0, 3, 240, 0, 10]);
        assert_eq!(out[8..], vec![7; len]);
    }
    assert_eq!(Rovr::new(&[1; 12]), None);
    // An option of another length is none that is known.
    let odd = [33, 6].into_iter().chain([0; 46]).collect::<Vec<u8>>();
    let read: Vec<_> = NdpOptions::parse(&odd).unwrap().iter().collect();
    assert!(matches!(read[..], [NdpOption::Unknown { kind: 33, .. }]));
}

// Holds: RFC 6775 4.2-a
#[test]
fn a_context_takes_two_units_or_three() {
    let prefix = Ipv6Addr::new(0xfd00, 0, 1, 0, 0, 0, 0, 0);
    let context = ContextOption { id: 3, compress: true, lifetime: 10_000, len: 64, prefix };
    // 10000 = 2710.
    let expected = [34, 2, 64, 0x13, 0, 0, 0x27, 0x10, 0xfd, 0, 0, 0, 0, 1, 0, 0];
    assert_eq!(bytes(NdpOption::Context(context)), expected);
    let address = Ipv6Addr::new(0xfd00, 0, 1, 0, 0, 0xff, 0xfe00, 7);
    let long = ContextOption { id: 15, compress: false, lifetime: 1, len: 128, prefix: address };
    let out = bytes(NdpOption::Context(long));
    assert_eq!(out[..8], [34, 3, 128, 0x0F, 0, 0, 0, 1]);
    assert_eq!(out[8..], address.octets());
    for (at, value) in [(2, 129), (2, 65)] {
        let mut wrong = bytes(NdpOption::Context(context));
        wrong[at] = value;
        let read: Vec<_> = NdpOptions::parse(&wrong).unwrap().iter().collect();
        assert!(matches!(read[..], [NdpOption::Unknown { kind: 34, .. }]), "{value} bits in 64");
    }
}

// Holds: RFC 6775 4.3-a
#[test]
fn a_border_router_names_its_version_low_half_first() {
    let border = BorderRouter { version: 0x0001_0002, lifetime: 0, address: Ipv6Addr::LOCALHOST };
    let out = bytes(NdpOption::BorderRouter(border));
    assert_eq!(out[..8], [35, 3, 0, 2, 0, 1, 0, 0]);
    assert_eq!(out[8..], Ipv6Addr::LOCALHOST.octets());
    assert_eq!(border.minutes(), 10_000);
    assert_eq!(BorderRouter { lifetime: 5, ..border }.minutes(), 5);
}

// Holds: RFC 8505 4.3-a
#[test]
fn capabilities_stand_in_their_bits() {
    let all = Capabilities {
        extended_duplicate: true,
        router: true,
        border: true,
        routing_registrar: true,
        extended_registration: true,
        generic_compression: true,
    };
    assert_eq!(bytes(NdpOption::Capabilities(all)), [36, 1, 0, 0x3F, 0, 0, 0, 0]);
    let six_lr = Capabilities {
        extended_duplicate: true,
        router: true,
        extended_registration: true,
        ..Capabilities::default()
    };
    assert_eq!(bytes(NdpOption::Capabilities(six_lr)), [36, 1, 0, 0x32, 0, 0, 0, 0]);
}

#[test]
fn addresses_of_radios_come_back_from_their_padding() {
    for address in [Address::Short(ShortAddress(0x1234)), Address::Extended(EUI)] {
        let (data, len) = radio_address_bytes(address);
        let mut list = NdpOptionList::new();
        list.try_push(NdpOption::SourceLinkLayer(&data[..len])).unwrap();
        let Some(NdpOption::SourceLinkLayer(data)) = list.options().iter().next() else {
            panic!("no option")
        };
        assert_eq!(radio_address(data), Some(address));
    }
    assert_eq!(radio_address(&[1, 2, 3]), None);
}

//! The form, byte for byte, and the way through it.

use super::super::*;
use proptest::prelude::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn form(write: impl FnOnce(&mut Vec<u8>)) -> String {
    hex(&written(write))
}

#[test]
fn numbers() {
    for (n, bytes) in [
        (0, "00"),
        (1, "01"),
        (23, "17"),
        (24, "1818"),
        (255, "18ff"),
        (256, "190100"),
        (65_536, "1a00010000"),
        (1 << 32, "1b0000000100000000"),
        (i128::from(i64::MAX), "1b7fffffffffffffff"),
        (i128::from(u64::MAX), "1bffffffffffffffff"),
        (1 << 64, "c249010000000000000000"),
        (-1, "20"),
        (-24, "37"),
        (-25, "3818"),
        (i128::from(i64::MIN), "3b7fffffffffffffff"),
        (-(1 << 64), "3bffffffffffffffff"),
        (-(1 << 64) - 1, "c349010000000000000000"),
        (i128::MAX, "c2507fffffffffffffffffffffffffffffff"),
        (i128::MIN, "c3507fffffffffffffffffffffffffffffff"),
    ] {
        assert_eq!(form(|out| int(out, n)), bytes, "{n}");
        assert_eq!(form(|out| big(out, n < 0, &n.unsigned_abs().to_le_bytes())), bytes, "{n}");
        let padded: Vec<u8> = n.unsigned_abs().to_le_bytes().into_iter().chain([0; 9]).collect();
        assert_eq!(form(|out| big(out, n < 0, &padded)), bytes, "{n}");
    }
    assert_eq!(form(|out| big(out, true, &[])), "00");
    let mut long = [0; 26];
    long[25] = 1;
    assert_eq!(form(|out| big(out, false, &long)), format!("c2581a01{}", "00".repeat(25)));
    assert_eq!(form(|out| big(out, true, &long)), format!("c35819{}", "ff".repeat(25)));
}

#[test]
fn floats_are_whole_numbers_where_they_equal_one() {
    for (n, bytes) in [
        (0.0, "00"),
        (-0.0, "00"),
        (1.0, "01"),
        (-1.0, "20"),
        (9_007_199_254_740_993.0, "1b0020000000000000"),
        (9_223_372_036_854_774_784.0, "1b7ffffffffffffc00"),
        (9_223_372_036_854_775_808.0, "1b8000000000000000"),
        (-9_223_372_036_854_775_808.0, "3b7fffffffffffffff"),
        (18_446_744_073_709_551_616.0, "c249010000000000000000"),
        (-18_446_744_073_709_551_616.0, "3bffffffffffffffff"),
        (1e23, "c24a152d02c7e14af6000000"),
        (1.5, "fb3ff8000000000000"),
        (0.1, "fb3fb999999999999a"),
        (f64::from(0.1_f32), "fb3fb99999a0000000"),
        (-5e-324, "fb8000000000000001"),
        (f64::INFINITY, "fb7ff0000000000000"),
        (f64::NEG_INFINITY, "fbfff0000000000000"),
        (f64::NAN, "fb7ff8000000000000"),
        (-f64::NAN, "fb7ff8000000000000"),
        (f64::from_bits(0x7ff0_0000_0000_0001), "fb7ff8000000000000"),
    ] {
        assert_eq!(form(|out| float(out, n)), bytes, "{n}");
    }
    assert_eq!(form(|out| float(out, f64::MAX)), format!("c25880fffffffffffff8{}", "00".repeat(121)));
}

#[test]
fn texts_and_bytes() {
    assert_eq!(form(none), "f6");
    assert_eq!(form(|out| text(out, "")), "60");
    assert_eq!(form(|out| text(out, "ä€")), "65c3a4e282ac");
    assert_eq!(form(|out| text(out, &"x".repeat(24))), format!("7818{}", "78".repeat(24)));
    assert_eq!(form(|out| bytes(out, b"\x00\xff")), "4200ff");
    assert_eq!(form(|out| surrogates(out, b"a\xed\xa0\x80")), "d96d6d4461eda080");
    assert_eq!(form(|out| surrogates(out, "ä".as_bytes())), "62c3a4", "plain text has one form");
}

#[test]
fn containers() {
    let element = |n| written(|out| int(out, n));
    assert_eq!(form(|out| tuple(out, 0)), "80");
    assert_eq!(
        form(|out| {
            tuple(out, 2);
            text(out, "a");
            int(out, 3);
        }),
        "82616103"
    );
    assert_eq!(
        form(|out| {
            list(out, 1);
            int(out, 3);
        }),
        "d96d6c8103"
    );
    assert_eq!(form(|out| set(out, vec![element(-1), element(300), element(2)])), "d90102830219012c20");
    let entry = |name: &str, n| (written(|out| text(out, name)), element(n));
    assert_eq!(
        form(|out| dict(out, vec![entry("bb", 1), entry("c", 2), entry("a", 3)])),
        "a3616103616302626262".to_owned() + "01"
    );
    assert_eq!(
        form(|out| {
            extension(out, "date");
            tuple(out, 3);
            [2026, 11, 21].into_iter().for_each(|n| int(out, n));
        }),
        "d81b826464617465831907ea0b15"
    );
}

fn items(bytes: &[u8]) -> Option<Vec<Item<'_>>> {
    Items::new(bytes).collect::<crate::Result<_>>().ok()
}

#[test]
fn what_was_written_is_read_item_by_item() {
    let bytes = written(|out| {
        extension(out, "memo.Point");
        dict(out, vec![(written(|out| text(out, "x")), written(|out| float(out, 0.5)))]);
        set(out, vec![written(none)]);
        list(out, 1);
        surrogates(out, b"\xed\xa0\x80");
        tuple(out, 1);
        big(out, true, &[0, 0, 0, 0, 0, 0, 0, 0, 2]);
        self::bytes(out, b"b");
        int(out, -(1 << 64));
    });
    let expected = [
        Item::Extension("memo.Point"),
        Item::Dict(1),
        Item::Text("x"),
        Item::Float(0.5),
        Item::Set(1),
        Item::None,
        Item::List(1),
        Item::Surrogates(b"\xed\xa0\x80"),
        Item::Tuple(1),
        Item::Big { is_negative: true, bytes: &[1, 255, 255, 255, 255, 255, 255, 255, 255] },
        Item::Bytes(b"b"),
        Item::Int(-(1 << 64)),
    ];
    assert_eq!(items(&bytes).unwrap(), expected);
}

#[test]
fn what_is_not_in_the_form_is_refused() {
    for bytes in [
        "1817", // A head longer than its number needs.
        "190017",
        "1a0000ffff",
        "1b00000000ffffffff",
        "18", // Cut.
        "1b00000000",
        "fb3ff8",
        "6261",
        "5bffffffffffffffff",
        "61ff", // Not UTF-8.
        "9f",   // Without a length.
        "5f",
        "f4", // Simple values other than null.
        "f7",
        "f93c00", // Shorter floats.
        "fa3f800000",
        "82", // More elements than bytes.
        "9bffffffffffffffff",
        "bb7fffffffffffffff",
        "c1", // Tags that are not known, or stand before something else.
        "c100",
        "c200",
        "d81b80",
        "d81b820000",
        "d96d6c00",
        "1c",
        "ff",
    ] {
        let raw: Vec<u8> =
            (0..bytes.len() / 2).map(|at| u8::from_str_radix(&bytes[2 * at..2 * at + 2], 16).unwrap()).collect();
        assert_eq!(items(&raw), None, "{bytes}");
        assert_eq!(decode::<String>(&raw), None, "{bytes}");
    }
}

proptest! {
    #[test]
    fn any_bytes_end_in_items_or_an_error(bytes: Vec<u8>) {
        prop_assert!(Items::new(&bytes).count() <= bytes.len());
        let _ = decode::<Vec<Option<Vec<String>>>>(&bytes);
    }

    #[test]
    fn numbers_have_one_form(n: i128, short: i64, small in -300..300_i64) {
        for n in [n, short.into(), small.into()] {
            let bytes = written(|out| int(out, n));
            prop_assert_eq!(&bytes, &written(|out| big(out, n < 0, &n.unsigned_abs().to_le_bytes())));
            if let Ok(n) = i64::try_from(n) {
                prop_assert_eq!(&bytes, &written(|out| int64(out, n)));
            }
            if (n as f64) as i128 == n && n != i128::MAX {
                prop_assert_eq!(&bytes, &written(|out| float(out, n as f64)));
            }
            prop_assert_eq!(decode::<i128>(&bytes), Some(n));
        }
    }

    #[test]
    fn the_order_of_elements_does_not_matter(elements: Vec<(Vec<u8>, i64)>, turn: prop::sample::Index) {
        prop_assume!(!elements.is_empty());
        let entries: Vec<_> = elements
            .iter()
            .map(|(key, value)| (written(|out| bytes(out, key)), written(|out| int64(out, *value))))
            .collect();
        let mut turned = entries.clone();
        turned.rotate_left(turn.index(elements.len()));
        let keys = |entries: &[(Vec<u8>, Vec<u8>)]| entries.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        prop_assert_eq!(written(|out| set(out, keys(&entries))), written(|out| set(out, keys(&turned))));
        prop_assert_eq!(written(|out| dict(out, entries)), written(|out| dict(out, turned)));
    }
}

//! tmp
use memolith::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let p = "/dev/shm/zz.db";
    let _ = std::fs::remove_file(p);
    let max = if a[1] == "full" { 10_000 } else { 100_000_000 };
    let c: Cache<(u64,), String> =
        Cache::builder().maxsize(max).memory(0).backend(backends::Sqlite::open(p), "b", Postcard).build();
    if a[1] == "get" {
        for k in 0..100_000u64 {
            c.insert((k,), format!("{k:064}"));
        }
        let mut x = 88_172_645_463_325_252u64;
        let t = std::time::Instant::now();
        for _ in 0..2_000_000 {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            assert!(c.get(&(x % 100_000,)).is_some());
        }
        println!("{:?}", t.elapsed() / 2_000_000);
    } else {
        let t = std::time::Instant::now();
        for k in 0..100_000u64 {
            c.insert((k.wrapping_mul(0x9e37_79b9_7f4a_7c15),), format!("{k:064}"));
        }
        println!("{:?}", t.elapsed() / 100_000);
    }
    let _ = std::fs::remove_file(p);
}

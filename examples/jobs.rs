//! The eight common jobs of the README, compiled and run; a test keeps the two texts equal.

use memolith::lru_cache;

#[lru_cache]
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

#[lru_cache(ttl = "5m")]
fn motd(host: &str) -> String {
    format!("{host} says hello")
}

#[lru_cache(maxsize = 10_000)]
async fn user(id: u64) -> Result<String, std::io::Error> {
    fetch(&format!("/users/{id}")).await
}

#[lru_cache(maxsize = None, backend = "sqlite:cache.db")]
fn digest(text: &str) -> [u8; 32] {
    *blake3::hash(text.as_bytes()).as_bytes()
}

#[lru_cache(backend = std::env::var("CACHE_URL").unwrap_or("memory:".into()))]
fn embed(model: &str, text: &str) -> Vec<f32> {
    text.bytes().zip(model.bytes()).map(|(a, b)| f32::from(a ^ b)).collect()
}

struct Model(u64);
impl Model {
    #[lru_cache(key = (self.0, x))]
    fn predict(&self, x: u64) -> u64 {
        self.0 * x
    }
}

#[lru_cache(key = x.to_bits())]
fn root(x: f64, verbose: bool) -> f64 {
    if verbose { x.sqrt().abs() } else { x.sqrt() }
}

fn report() -> memolith::Result<()> {
    println!("{:?}", fib::cache_info());
    fib::invalidate(30)?;
    fib::cache_clear()
}

// What follows is not in the README: it runs the jobs.

async fn fetch(path: &str) -> Result<String, std::io::Error> {
    Ok(format!("the answer to {path}"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cache.db` goes beside the program, below the target directory.
    let program = std::env::current_exe()?;
    std::env::set_current_dir(program.parent().ok_or("a program stands in a directory")?)?;
    assert_eq!(fib(90), 2_880_067_194_370_816_120);
    assert_eq!(motd("stone"), motd("stone"));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    assert_eq!(runtime.block_on(user(7))?, "the answer to /users/7");
    assert_eq!(digest("stone"), *blake3::hash(b"stone").as_bytes());
    assert_eq!(embed("m", "s"), [30.0]);
    assert_eq!((Model(6).predict(7), Model(6).predict(7)), (42, 42));
    assert_eq!((root(4.0, false), root(4.0, true)), (2.0, 2.0));
    report()?;
    assert_eq!(fib::cache_info().currsize, 0);
    Ok(())
}

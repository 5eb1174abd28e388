//! A method: what of `self` is part of the key is the author's to say.

use memolith::lru_cache;

struct Model {
    name: &'static str,
    weights: Vec<f64>,
}

impl Model {
    /// The name stands for the weights, which need not be hashed at each call.
    #[lru_cache(maxsize = 1_000, key = (self.name, x))]
    fn predict(&self, x: u32) -> f64 {
        println!("{} computes {x}", self.name);
        self.weights.iter().rev().fold(0.0, |sum, weight| sum * f64::from(x) + weight)
    }
}

fn main() {
    let line = Model { name: "line", weights: vec![1.0, 2.0] };
    let parabola = Model { name: "parabola", weights: vec![0.0, 0.0, 1.0] };
    assert_eq!((line.predict(3), line.predict(3), parabola.predict(3)), (7.0, 7.0, 9.0));
    let info = Model::predict_cache_info();
    println!("{info:?}");
    assert_eq!((info.hits, info.misses), (1, 2));
}

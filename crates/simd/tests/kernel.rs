//! The choice among kernels: which there are, what they are called, and that each runs its own functions.

#[cfg(target_arch = "x86_64")]
mod avx2 {
    #[target_feature(enable = "avx2")]
    pub fn runs() -> &'static str {
        "avx2"
    }

    #[target_feature(enable = "avx2")]
    pub fn fill<const N: usize>(words: &mut [u64; N], word: u64) {
        words.fill(word);
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    #[target_feature(enable = "avx512f")]
    pub fn runs() -> &'static str {
        "avx512"
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    pub fn fill<const N: usize>(words: &mut [u64; N], word: u64) {
        words.fill(word);
    }
}

mod scalar {
    pub fn runs() -> &'static str {
        "scalar"
    }

    pub fn fill<const N: usize>(words: &mut [u64; N], word: u64) {
        words.fill(word);
    }
}

proofbook_simd::kernel! {
    avx512: "avx512f,avx512bw";

    fn runs() -> &'static str;
    fn fill<const N: usize>(words: &mut [u64; N], word: u64);
}

#[test]
fn each_kernel_runs_its_own_functions() {
    for kernel in Kernel::all() {
        assert_eq!(kernel.runs(), kernel.name());
        let mut words = [0; 3];
        kernel.fill(&mut words, 7);
        assert_eq!(words, [7; 3], "{kernel:?}");
    }
}

#[test]
fn kernels_go_by_their_names() {
    assert_eq!(Kernel::from_name("abacus"), None);
    assert_eq!(Kernel::all().next(), Some(Kernel::SCALAR));
    assert_eq!(Kernel::all().last(), Some(Kernel::detect()));
    for kernel in Kernel::all() {
        assert_eq!(Kernel::from_name(kernel.name()), Some(kernel));
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn there_are_the_kernels_that_the_processor_can_run() {
    let expected = [
        Some("scalar"),
        is_x86_feature_detected!("avx2").then_some("avx2"),
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw"))
            .then_some("avx512"),
    ];
    let found: Vec<&str> = Kernel::all().map(Kernel::name).collect();
    assert_eq!(found, expected.into_iter().flatten().collect::<Vec<_>>());
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_list_of_features_is_there_where_each_of_them_is() {
    let ifma = is_x86_feature_detected!("avx512ifma");
    assert_eq!(proofbook_simd::has("avx512ifma"), ifma);
    assert_eq!(
        proofbook_simd::has("avx2,avx512ifma"),
        is_x86_feature_detected!("avx2") && ifma
    );
}

#[cfg(target_arch = "x86_64")]
#[test]
#[should_panic(expected = "received sse9")]
fn an_unknown_feature_is_a_mistake_of_the_program() {
    proofbook_simd::has("sse9");
}

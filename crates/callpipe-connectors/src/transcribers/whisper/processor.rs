//! Whether this machine's processor can run whisper.cpp as it was built. Asked before any of it
//! runs: an instruction that is not there would end the program without a word.

use callpipe_core::failure::{Failure, FailureKind, Outside};

/// What the build was told; `.cargo/config.toml` says what it means.
const AVX2_WISH: Option<&str> = option_env!("GGML_AVX2");

/// Whether whisper.cpp was built for processors with AVX2, as it is unless that was switched off.
const IS_BUILT_FOR_AVX2: bool = match AVX2_WISH {
    Some(wish) => !wish.eq_ignore_ascii_case("off"),
    None => true,
};

const HINT: &str = "build callpipe with GGML_AVX2=OFF GGML_FMA=OFF GGML_F16C=OFF GGML_BMI2=OFF in the \
    environment, after `cargo clean -p whisper-rs-sys`; it runs anywhere and is seven to eight times slower";

/// Refuses a processor that cannot run what was built, and warns of a build that is slow.
pub(super) fn check() -> Outside<()> {
    if !cfg!(target_arch = "x86_64") {
        return Ok(());
    }
    judged(IS_BUILT_FOR_AVX2, missing())
}

fn judged(is_built_for_avx2: bool, missing: Vec<&str>) -> Outside<()> {
    if !is_built_for_avx2 {
        tracing::warn!(
            "local transcription was built for processors without AVX2: it is seven to eight times slower than it could be"
        );
        return Ok(());
    }
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "this machine's processor lacks {}, which local transcription was built for",
        missing.join(", ")
    );
    Err(Failure::new(FailureKind::Denied, message).with_hint(HINT))
}

/// What the build uses and the processor does not have.
#[cfg(target_arch = "x86_64")]
fn missing() -> Vec<&'static str> {
    let mut missing = Vec::new();
    if !std::is_x86_feature_detected!("avx2") {
        missing.push("AVX2");
    }
    if !std::is_x86_feature_detected!("fma") {
        missing.push("FMA");
    }
    if !std::is_x86_feature_detected!("f16c") {
        missing.push("F16C");
    }
    if !std::is_x86_feature_detected!("bmi2") {
        missing.push("BMI2");
    }
    missing
}

/// Other processors are built for as they are.
#[cfg(not(target_arch = "x86_64"))]
fn missing() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_processor_is_refused_before_anything_runs() {
        let refused = judged(true, vec!["AVX2", "BMI2"]).unwrap_err();
        assert_eq!(refused.kind, FailureKind::Denied);
        assert!(refused.message.contains("lacks AVX2, BMI2"));
        assert!(refused.hint.unwrap().contains("GGML_AVX2=OFF"));
        assert!(judged(true, vec![]).is_ok());
        assert!(judged(false, vec!["AVX2"]).is_ok(), "built for it");
    }
}

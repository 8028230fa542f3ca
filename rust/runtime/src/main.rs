//! The static executable: dispatches on its first argument.

fn main() -> std::process::ExitCode {
    rocker_runtime::main()
}

//! The command `rocker`.

fn main() -> std::process::ExitCode {
    rocker_cli::main()
}

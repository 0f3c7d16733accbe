//! The house rules as a test over the source tree.
//!
//! Each rule is a small function from the tree to its violations, and is fed a planted violation
//! beside it: a rule that cannot fail is worthless. `CONTRIBUTING.md` says what the rules are for.

mod code;
mod cycles;
mod documents;
mod floors;
mod modules;
mod paths;
mod places;
mod reliability;
mod sizes;
mod source;
mod wording;

use source::{Tree, Violation};

/// Fails with every violation that the rules find in the tree, one a line.
fn enforce(rules: &[fn(&Tree) -> Vec<Violation>]) {
    let tree = Tree::of_this_project();
    let violations = rules.iter().flat_map(|rule| rule(&tree));
    let lines: Vec<String> = violations.map(|violation| violation.to_string()).collect();
    assert!(
        lines.is_empty(),
        "the house rules are broken:\n{}\n",
        lines.join("\n")
    );
}

#[test]
fn the_tree_is_read() {
    let tree = Tree::of_this_project();
    assert!(tree.rust.iter().any(|file| file.path == "src/lib.rs"));
    assert!(
        tree.rust
            .iter()
            .any(|file| file.path == "tests/tidy/main.rs")
    );
}

#[test]
fn imports_go_down() {
    enforce(&[floors::imports_go_down]);
}

#[test]
fn files_of_a_folder_do_not_import_in_a_circle() {
    enforce(&[cycles::no_circles]);
}

#[test]
fn files_and_functions_fit() {
    enforce(&[sizes::files_fit, sizes::functions_fit]);
}

#[test]
fn things_stand_where_they_belong() {
    enforce(&[
        places::async_stays_in_its_place,
        places::only_the_command_line_prints,
        places::only_the_command_line_reads_the_environment,
        places::time_and_chance_come_through_the_seams,
        places::format_and_crypto_touch_no_files,
    ]);
}

#[test]
fn nothing_is_left_over_or_left_to_luck() {
    enforce(&[
        wording::nothing_unfinished,
        wording::nothing_unwraps,
        wording::no_globs_over_the_crate,
        wording::no_catch_all_errors,
        wording::no_assertion_on_the_wall_clock,
    ]);
}

#[test]
fn modules_are_named_declared_and_placed() {
    enforce(&[
        modules::names_say_what,
        modules::every_file_is_declared,
        modules::every_file_places_itself,
    ]);
}

#[test]
fn every_suite_of_faults_says_what_it_counted() {
    enforce(&[
        reliability::every_suite_has_its_counts,
        reliability::every_suite_that_counts_is_run_in_full,
    ]);
}

#[test]
fn documents_name_files_that_exist() {
    enforce(&[documents::paths_exist, documents::links_lead_somewhere]);
}

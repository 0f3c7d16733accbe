//! What a person does with `offsite`, told as they would tell it, and run: the real program, in
//! processes of its own, on a directory and on a real object storage.
//!
//! A file is a situation, named as a user would say it; its tests are sentences. To add one, put
//! `tests/scenarios/what_happened.rs` beside this file and its `mod` line into the list below,
//! which is sorted. Everything a test needs begins with a [`user::User`]: a fresh folder, a fresh
//! state directory, an address where a repository may be made, and an environment of nothing else.
//!
//! ```text
//! let user = User::with_folder();             // or User::with_bucket(), or both(): one after the other
//! user.write("photos/a.jpg", b"a photo");     // paths are relative to the user's own folder,
//! user.init();                                // which is also where the program runs
//! user.offsite(&["backup", "photos"]).done();
//! user.offsite(&["restore", "--target", "back"]).done();
//! assert_same(&user.path("photos"), &user.restored("back", "photos"));
//! ```
//!
//! A test makes a tree of its own, since the tests run at once, and unlocks seldom: every passphrase
//! costs a second of Argon2.

mod a_disk_that_is_not_mounted;
mod a_little_every_night;
mod as_of_a_time;
mod attacker_with_the_hosts_key;
mod backups_and_prunes_cut_short;
mod bad_moments;
mod commands_around_a_backup;
mod configuration_comes_along;
mod damaged_pack_names_its_files;
mod database_by_url;
mod decoder_without_offsite;
mod demo_shows_what_it_does;
mod doctor_says_what_a_store_does;
mod drill_proves_a_restore;
mod dump_into_a_real_postgres;
mod dump_of_a_running_postgres;
mod dump_that_is_no_good;
mod estimate_comes_true;
mod every_row_has_its_file;
mod everything_a_file_system_holds;
mod everything_comes_back;
mod exit_codes_and_hints;
mod external_library_is_named;
mod fifty_photos_with_new_headers;
mod find_the_photo_i_deleted;
mod five_thousand_assets;
mod fuller_database_wins;
#[path = "../harness/mod.rs"]
mod harness;
mod host_without_delete;
mod how_big_is_it;
mod immich_database;
mod immich_folder;
mod index_from_footers;
mod installation;
mod interrupted_and_resumed;
mod killed_at_any_time;
mod killed_mid_upload;
mod little_changes_little_is_sent;
mod months_under_lock;
mod move_that_was_not_finished;
mod newest_dump_of_a_folder;
mod nights_of_seconds;
mod no_room_left;
mod nothing_readable_in_the_store;
mod objects;
mod odd_names_come_back;
mod old_snapshots_go;
mod one_file_says_it_all;
mod one_glance_at_three_copies;
mod only_the_bucket_left;
mod originals_changed_overnight;
mod passphrases_come_and_go;
mod restore_again_goes_on;
mod restore_never_leaves_its_folder;
mod restore_only_what_i_ask_for;
mod restore_over_what_is_there;
mod second_backup_sends_nothing;
mod several_copies_in_one_run;
mod slow_or_absent_store;
mod storage_comes_back;
mod store_that_forgets;
mod the_first_copy_is_lost;
mod the_guides_are_true;
mod tree;
mod two_backups_at_once;
mod unchanged_library_asks_little;
mod user;
mod what_a_restore_fetches;
mod what_changed_between_nights;
mod what_is_in_there;
mod wrong_folder_was_named;

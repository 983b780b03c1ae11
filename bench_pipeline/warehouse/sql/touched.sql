-- What came or went in this refresh: a row for each run that got rows or lost them, with what it
-- was then. All that a derived row depends on lies within one place, one rig or one session of
-- these, so that nothing else has to be made anew.
create or replace temp table touched_runs (
    run_id varchar not null,
    rig varchar not null,
    backend varchar not null,
    engine varchar not null,
    model varchar not null,
    mode varchar not null,
    power_cap_w double,
    build varchar not null,
    model_sha256 varchar,
    session_id varchar
);

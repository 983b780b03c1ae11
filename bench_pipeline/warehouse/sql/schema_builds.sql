-- The tables that are computed from the others whenever these change: builds against each other.
-- Names and units as in schema.sql.

-- Two builds at one cell, `ratio` = after / before. One row for each pair of a session, oldest
-- first, judged by measures/comparison.py; and one, `unjudged`, for each build and the one before
-- it in its series where no session has figures of both: its ratio may be the machine's doing, so
-- it has no interval. `reason`: why there is no verdict; empty where there is one. `value_*` are
-- the medians of the two runs, `n_*` the turns behind the ratio, of unjudged builds their n.
-- `compile_difference` is empty where both were compiled alike, NULL with `compiled_differently`
-- where nobody knows.
create table comparisons (
    rig varchar not null,
    gpu varchar,
    backend varchar not null,
    engine varchar not null,
    model varchar not null,
    family varchar not null,
    variant varchar not null,
    quant varchar not null,
    mode varchar not null,
    power_cap_w double,
    system varchar not null,
    workload varchar not null,
    concurrency integer not null,
    metric varchar not null,
    build_before varchar not null,
    build_after varchar not null,
    number_before integer,
    number_after integer,
    commit_before varchar,
    commit_after varchar,
    run_before varchar not null,
    run_after varchar not null,
    session_id varchar,
    value_before double not null,
    value_after double not null,
    n_before integer not null,
    n_after integer not null,
    ratio double not null,
    ratio_lo double,
    ratio_hi double,
    verdict varchar not null,
    reason varchar not null,
    compiled_differently boolean,
    compile_difference varchar,
    started_at timestamp
);

-- What each build of a series measured (trend_cells): a series is one cell of one model, rig,
-- backend, mode, power cap and system (run_systems), and one metric. `previous_build` is the one before it by number;
-- ratio and verdict are the newest comparison's of the two. `flagged`: a step by measures/steps.py.
create table build_trends (
    rig varchar not null,
    gpu varchar,
    backend varchar not null,
    engine varchar not null,
    model varchar not null,
    family varchar not null,
    variant varchar not null,
    quant varchar not null,
    mode varchar not null,
    power_cap_w double,
    system varchar not null,
    workload varchar not null,
    concurrency integer not null,
    metric varchar not null,
    build_number integer,
    build varchar not null,
    "commit" varchar,
    value double not null,
    lo double,
    hi double,
    n integer not null,
    run_id varchar not null,
    session_id varchar,
    started_at timestamp,
    system_info varchar,
    previous_build varchar,
    ratio double,
    ratio_lo double,
    ratio_hi double,
    verdict varchar,
    flagged boolean not null,
    compile_difference varchar
);

-- The tables that files are ingested into. Every column that is not marked may be NULL, which
-- means "not known". Times are UTC; units are in the names; `_lo` and `_hi` bound the 95 %
-- bootstrap interval of a median. Tables with a run_id hold what one run file says.

-- Figures that stand behind every other and by which nothing is judged, by their flags.
create or replace macro doubtful(flags) as
    list_has_any(flags, ['implausible', 'disputed', 'stranger']);

-- What this warehouse was built by (`code_version`) and from (`content_hash`).
create table warehouse_state (
    key varchar primary key,
    value varchar not null
);

-- What the file system said of a run file, ingested or not, when it was hashed (hashes.py). Of this
-- machine, and not for readers.
create table file_stamps (
    path varchar not null,
    sha256 varchar not null,
    size_bytes bigint not null,
    inode ubigint not null,
    modified_ns bigint not null,
    changed_ns bigint not null
);

-- Run files that were ingested; paths are relative to the project.
create table run_files (
    path varchar primary key,
    sha256 varchar not null,
    run_id varchar not null unique,
    ingested_at timestamp not null
);

-- Files that could not be ingested, and why. `place` is the path with its line, `kind` what
-- the file should be (run, rig, model, ...), `run_id` set only on a duplicate run.
create table rejected_files (
    path varchar primary key,
    sha256 varchar not null,
    problem varchar not null,
    mend varchar not null,
    place varchar not null,
    kind varchar not null,
    run_id varchar
);

-- One row per run, failed ones included. `gpu`, `gpu_memory_mib` and `driver` describe the
-- device(s) the run used; NULL on backend cpu. `memory_verdict` is the worst of its servers'.
-- `unknown`: what cannot be told of the run, a sentence each. `left_out`: names of variables that
-- were kept from the engine. `quiet` false: the host stayed busy, and was measured all the same. `knee`: the last concurrency
-- that paid; the next one tried, `after_knee`, made the aggregate grow by the share
-- `after_knee_gain`. `drift_*`: the closing cell over the first, as measures/drift.py says.
-- `untold`: what the engine's family cannot tell of each request; it is NULL there.
-- `inventory_key` is the same for two runs between which nothing about the rig changed but
-- readings of the moment. `session_*`: of a run whose build was measured in turns with others;
-- `session_builds` are these, oldest first, `session_blocks` the build of each block as measured.
-- `submitted_by`: who sent it, in their words; `signed_by`: the public key whose signature of the
-- file is proven.
-- `asked_workloads`: those that were wanted; NULL: all.
-- `asked_cap_w`: the power cap that was set for it, of each card; NULL: it ran as it was found.
-- `yardstick_json`: what of a whole measured run others are estimated by (harness/planning/estimate.py).
-- `parts`: what of a run was measured; `depths_left_out_json`: lengths that a deep curve does not
-- reach, and why.
-- `arrangement_json`: what the rig's file asks of how the model is laid out and computed.
-- `settings_json`, of an imported run: what llama-bench was set to; `printed_json`: figures that no
-- cell holds, as their source prints them.
create table runs (
    run_id varchar primary key,
    path varchar not null,
    provenance varchar not null,
    submitted_by varchar,
    signed_by varchar,
    source_title varchar,
    source_url varchar,
    source_note varchar,
    status varchar not null,
    failure_kind varchar,
    failure_message varchar,
    failure_log_tail varchar[],
    started_at timestamp,
    finished_at timestamp,
    profile varchar,
    parts varchar[] not null,
    depths_left_out_json varchar not null,
    harness_version varchar,
    harness_commit varchar,
    rig varchar not null,
    backend varchar not null,
    arrangement_json varchar,
    mode varchar not null,
    draft varchar,
    power_cap_w double,
    asked_workloads varchar[],
    asked_cap_w double,
    gpu varchar,
    gpu_memory_mib double,
    driver varchar,
    vulkan_driver varchar,
    firmware varchar,
    cpu varchar not null,
    os varchar not null,
    kernel varchar,
    engine varchar not null,
    untold varchar[] not null,
    build varchar not null,
    build_number integer,
    "commit" varchar,
    channel varchar,
    version_line varchar,
    binary_sha256 varchar,
    system_info varchar,
    env_json varchar not null,
    model varchar not null,
    family varchar not null,
    released varchar not null,
    variant varchar not null,
    quant varchar not null,
    creator varchar,
    licence varchar,
    file_name varchar,
    model_sha256 varchar,
    size_bytes bigint,
    parameters bigint,
    tensors_json varchar,
    layers integer,
    context_train_tokens integer,
    reasons boolean,
    memory_verdict varchar,
    cpu_busy_before double,
    foreign_gpu_processes integer,
    quiet boolean,
    processes_on_other_gpus integer,
    waited_s double,
    "unknown" varchar[] not null,
    shell_env_json varchar,
    left_out varchar[],
    ladder integer[],
    ladder_ended varchar,
    knee integer,
    after_knee integer,
    after_knee_gain double,
    drift_workload varchar,
    drift_concurrency integer,
    drift_ratio double,
    drift_lo double,
    drift_hi double,
    drifted boolean,
    session_id varchar,
    session_builds varchar[],
    session_blocks varchar[],
    session_ended varchar,
    bandwidth_json varchar not null,
    bare_version_line varchar,
    bare_argv varchar[],
    bare_failure_kind varchar,
    bare_failure_message varchar,
    bare_memory_reason varchar,
    settings_json varchar not null,
    yardstick_json varchar,
    printed_json varchar,
    inventory_captured_at timestamp,
    inventory_json varchar not null,
    inventory_key varchar not null
);

-- Every start of the engine within a run, by its number from 0; `concurrencies` are those of the
-- cells that it answered, none for one that served a curve or never came up.
create table servers (
    run_id varchar not null,
    server integer not null,
    concurrencies integer[] not null,
    slots integer,
    context_tokens_per_slot integer,
    load_ms double,
    memory_verdict varchar,
    memory_reason varchar,
    layers_offloaded integer,
    layers_total integer,
    memory_json varchar,
    argv varchar[] not null,
    log_proof varchar[] not null,
    failure_kind varchar,
    failure_message varchar,
    failure_log_tail varchar[],
    primary key (run_id, server)
);

-- Every request of every cell, warm-ups included and marked. Those of curves and of the closing
-- cell are in the run file.
create table requests (
    run_id varchar not null,
    workload varchar not null,
    concurrency integer not null,
    warmup boolean not null,
    wave integer not null,
    stream integer not null,
    sent_at_ms double not null,
    prompt_tokens integer not null,
    cached_tokens integer,
    output_tokens integer not null,
    received_tokens integer not null,
    reasoning_tokens integer not null,
    ttft_ms double not null,
    first_visible_ms double,
    decode_ms double not null,
    end_to_end_ms double not null,
    server_prompt_ms double,
    server_decode_ms double,
    itl_p50_ms double,
    itl_p95_ms double,
    itl_p99_ms double,
    itl_max_ms double,
    shared_reads integer,
    server_itl_p99_ms double,
    draft_tokens integer,
    draft_accepted integer,
    finish_reason varchar not null
);

create table waves (
    run_id varchar not null,
    workload varchar not null,
    concurrency integer not null,
    wave integer not null,
    all_busy_ms double not null,
    all_busy_tokens integer,
    server_queue_ms double,
    server_prompt_ms double,
    server_decode_ms double,
    server integer
);

-- The decode rate of each wave: the median over its streams, as in measures/cells.py. These are
-- the values behind a cell's median and interval. `server` is set where a cell was answered by
-- several starts of it, block after block: there the values are the medians of each start's waves.
create table wave_speeds (
    run_id varchar not null,
    workload varchar not null,
    concurrency integer not null,
    wave integer not null,
    server integer,
    sent_at_ms double not null,
    decode_tok_s double not null
);

create table telemetry (
    run_id varchar not null,
    workload varchar not null,
    concurrency integer not null,
    device varchar not null,
    energy_j double,
    energy_from varchar,
    power_mean_w double,
    power_max_w double,
    core_clock_min_mhz double,
    core_clock_median_mhz double,
    temperature_max_c double,
    throttle_reasons varchar[],
    covers varchar,
    samples integer not null,
    interval_ms double,
    complete boolean not null
);

-- One row per run x workload x concurrency. Figures are medians over `n` repetitions; all of
-- them are NULL on a failed cell, and all but decode_tok_s on a published one. `flags` say what
-- disturbed it (flags.py); `server` is the number within the run. `clocks`: 2 where the server timed
-- its requests too, 1 where only the client did.
create table measurements (
    run_id varchar not null,
    rig varchar not null,
    gpu varchar,
    engine varchar not null,
    build varchar not null,
    backend varchar not null,
    family varchar not null,
    variant varchar not null,
    quant varchar not null,
    mode varchar not null,
    power_cap_w double,
    workload varchar not null,
    concurrency integer not null,
    status varchar not null,
    n integer,
    decode_tok_s double,
    decode_tok_s_lo double,
    decode_tok_s_hi double,
    prefill_tok_s double,
    prefill_tok_s_lo double,
    prefill_tok_s_hi double,
    aggregate_tok_s double,
    aggregate_tok_s_lo double,
    aggregate_tok_s_hi double,
    ttft_ms double,
    ttft_ms_lo double,
    ttft_ms_hi double,
    provenance varchar not null,
    throughput_tok_s double,
    throughput_tok_s_lo double,
    throughput_tok_s_hi double,
    request_throughput double,
    request_throughput_lo double,
    request_throughput_hi double,
    first_visible_ms double,
    queue_ms double,
    itl_p99_ms double,
    server_decode_tok_s double,
    clocks integer,
    clocks_agree boolean,
    joules_per_token double,
    power_mean_w double,
    prompt_tokens double,
    output_tokens double,
    profile varchar,
    stop_reason varchar,
    failure_kind varchar,
    failure_message varchar,
    memory_verdict varchar,
    model varchar not null,
    creator varchar,
    released varchar not null,
    build_number integer,
    driver varchar,
    started_at timestamp,
    window_ms double,
    source_title varchar,
    server integer,
    outliers integer,
    delivered_on_time boolean,
    reasoning_tokens double,
    draft_acceptance double,
    others_cpu_fraction double,
    throttle_reasons varchar[] not null,
    ceiling_share double,
    memory_peak_mib double,
    tok_s_per_w double,
    cell_drift double,
    cell_drift_lo double,
    cell_drift_hi double,
    run_drift double,
    quiet boolean,
    flags varchar[] not null,
    primary key (run_id, workload, concurrency)
);

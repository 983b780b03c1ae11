-- The tables that files are ingested into. Every column that is not marked may be NULL, which
-- means "not known". Times are UTC; units are in the names; `_lo` and `_hi` bound the 95 %
-- bootstrap interval of a median. Tables with a run_id hold what one run file says.

-- What this warehouse was built by (`code_version`) and from (`content_hash`).
create table warehouse_state (
    key varchar primary key,
    value varchar not null
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

-- Rigs with a file in content/rigs (`declared`), and rigs that only runs name.
create table rigs (
    rig varchar primary key,
    title varchar not null,
    kind varchar not null,
    notes varchar not null,
    declared boolean not null,
    backends_json varchar not null
);

create table workloads (
    workload varchar primary key,
    title varchar not null,
    ord integer not null,
    explanation varchar not null,
    prompt_tokens integer not null,
    output_tokens integer not null,
    quick_output_tokens integer not null
);

-- Every run that a campaign wants; `done`: a run file satisfies it. No concurrencies: as many
-- as it takes to the knee.
create table campaign_items (
    campaign varchar not null,
    title varchar not null,
    why varchar not null,
    rig varchar not null,
    backend varchar not null,
    build varchar not null,
    model varchar not null,
    family varchar not null,
    variant varchar not null,
    quant varchar not null,
    mode varchar not null,
    profile varchar not null,
    concurrencies integer[] not null,
    done boolean not null
);

-- One row per run, failed ones included. `gpu`, `gpu_memory_mib` and `driver` describe the
-- device(s) the run used; NULL on backend cpu. `inventory_key` is the same for two runs between
-- which nothing about the rig changed but readings of the moment.
create table runs (
    run_id varchar primary key,
    path varchar not null,
    provenance varchar not null,
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
    harness_version varchar,
    harness_commit varchar,
    rig varchar not null,
    backend varchar not null,
    mode varchar not null,
    power_cap_w double,
    gpu varchar,
    gpu_memory_mib double,
    driver varchar,
    cpu varchar not null,
    os varchar not null,
    kernel varchar,
    engine varchar not null,
    build varchar not null,
    build_number integer,
    "commit" varchar,
    channel varchar,
    version_line varchar,
    binary_sha256 varchar,
    system_info varchar,
    argv varchar[] not null,
    env_json varchar not null,
    slots integer,
    log_proof varchar[] not null,
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
    layers integer,
    context_train_tokens integer,
    reasons boolean,
    memory_verdict varchar,
    memory_reason varchar,
    layers_offloaded integer,
    layers_total integer,
    memory_json varchar,
    cpu_busy_before double,
    inventory_captured_at timestamp,
    inventory_json varchar not null,
    inventory_key varchar not null
);

-- Every request of every cell, warm-ups included and marked.
create table requests (
    run_id varchar not null,
    workload varchar not null,
    concurrency integer not null,
    warmup boolean not null,
    wave integer not null,
    stream integer not null,
    sent_at_ms double not null,
    prompt_tokens integer not null,
    cached_tokens integer not null,
    output_tokens integer not null,
    received_tokens integer not null,
    reasoning_tokens integer not null,
    ttft_ms double not null,
    first_visible_ms double,
    decode_ms double not null,
    end_to_end_ms double not null,
    server_prompt_ms double not null,
    server_decode_ms double not null,
    itl_p50_ms double not null,
    itl_p95_ms double not null,
    itl_p99_ms double not null,
    itl_max_ms double not null,
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
    all_busy_tokens integer not null
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
    throttle_reasons varchar[] not null,
    samples integer not null,
    interval_ms double,
    complete boolean not null
);

-- One row per run x workload x concurrency. Figures are medians over `n` repetitions; all of
-- them are NULL on a failed cell, and all but decode_tok_s on a published one.
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
    first_visible_ms double,
    queue_ms double,
    itl_p99_ms double,
    server_decode_tok_s double,
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
    primary key (run_id, workload, concurrency)
);

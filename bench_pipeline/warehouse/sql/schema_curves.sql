-- The tables of curves over the prompt's length, and of the engine without a server. Names and
-- units as in schema.sql.

-- One row per run x prompt length, one stream: each prompt cold, then from the cache that it
-- left. Shares are of the bare engine's speed at the same length and depth.
create table curve_points (
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
    depth_tokens integer not null,
    status varchar not null,
    n integer,
    prefill_tok_s double,
    prefill_tok_s_lo double,
    prefill_tok_s_hi double,
    ttft_ms double,
    ttft_ms_lo double,
    ttft_ms_hi double,
    decode_tok_s double,
    decode_tok_s_lo double,
    decode_tok_s_hi double,
    cached_ttft_ms double,
    cached_ttft_ms_lo double,
    cached_ttft_ms_hi double,
    cached_share double,
    server_prefill_share double,
    server_prefill_share_lo double,
    server_prefill_share_hi double,
    server_decode_share double,
    server_decode_share_lo double,
    server_decode_share_hi double,
    stop_reason varchar,
    failure_kind varchar,
    failure_message varchar,
    provenance varchar not null,
    profile varchar,
    model varchar not null,
    server integer not null
);

-- One row per test of the engine's own benchmark, run here or imported: `prefill` of prompt_tokens
-- or `decode` of output_tokens, with depth_tokens of context before; `mixed` does both. `statistic`
-- of a file that kept no repetitions is `mean`, with its deviation; else `median`.
create table bare_tests (
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
    kind varchar not null,
    prompt_tokens integer not null,
    output_tokens integer not null,
    depth_tokens integer not null,
    n integer,
    tok_s double,
    tok_s_lo double,
    tok_s_hi double,
    statistic varchar,
    tok_s_sd double,
    also_json varchar,
    provenance varchar not null,
    model varchar not null
);

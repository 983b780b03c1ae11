-- The decode rate that is shown for one workload, with its interval and the run it comes from.
create or replace table workload_speeds as
select
    family,
    variant,
    quant,
    rig,
    engine,
    build,
    backend,
    mode,
    concurrency,
    workload,
    decode_tok_s,
    decode_tok_s_lo,
    decode_tok_s_hi,
    n,
    provenance,
    power_cap_w,
    model,
    creator,
    released,
    gpu,
    gpu_memory_mib,
    driver,
    profile,
    run_id,
    provisional,
    flags
from chosen_cells
order by all;

-- Which measurement of a build stands in its series: the newest session's, as its neighbours there
-- saw the same machine; else the one that is shown elsewhere. Profile full only: quick's shorter
-- answers are other work.
create view trend_cells as
select
    c.*,
    r."commit",
    r.system_info,
    r.session_id,
    r.session_builds
from sound_cells c
join runs r using (run_id)
where c.provenance = 'measured'
    and c.profile = 'full'
    and not doubtful(c.flags)
    and (
        r.session_id is not null
        or exists (
            from chosen_cells s
            where s.run_id = c.run_id
                and s.workload = c.workload
                and s.concurrency = c.concurrency
        )
    )
qualify row_number() over (
    partition by
        c.model, c.rig, c.backend, c.engine, c.build, c.mode, c.power_cap_w, c.concurrency,
        c.workload
    order by r.session_id is null, c.started_at desc nulls last, c.run_id
) = 1;

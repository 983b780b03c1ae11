-- Which measurement of a build stands in its series: the newest session's, as its neighbours there
-- saw the same machine; else the one that is shown elsewhere, or where that ran on another system, the
-- newest. Profile full only: quick's shorter answers are other work.
create view trend_cells as
select
    c.*,
    s.system,
    r."commit",
    r.system_info,
    r.session_id,
    r.session_builds
from sound_cells c
join runs r using (run_id)
join run_systems s using (run_id)
left join (
    select chosen.*, system
    from chosen_cells chosen
    join run_systems using (run_id)
) shown
    on shown.model = c.model
    and shown.rig = c.rig
    and shown.backend = c.backend
    and shown.engine = c.engine
    and shown.build = c.build
    and shown.mode = c.mode
    and shown.power_cap_w is not distinct from c.power_cap_w
    and shown.concurrency = c.concurrency
    and shown.workload = c.workload
where c.provenance = 'measured'
    and c.profile = 'full'
    and not doubtful(c.flags)
    and (r.session_id is not null or shown.run_id = c.run_id or shown.system <> s.system)
qualify row_number() over (
    partition by
        c.model, c.rig, c.backend, c.engine, c.build, c.mode, c.power_cap_w, s.system,
        c.concurrency, c.workload
    order by r.session_id is null, c.started_at desc nulls last, c.run_id
) = 1;

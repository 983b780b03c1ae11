-- The system that a measured run ran on, in words: a series of builds is of one. What older files do
-- not tell, firmware and Vulkan's driver, is taken to be what the next run at the same place saw, else
-- the one before: that nobody looked is no change.
create view run_systems as
select
    run_id,
    concat_ws(
        ' · ',
        'driver ' || driver,
        coalesce(
            vulkan_driver,
            first_value(vulkan_driver ignore nulls) over later,
            last_value(vulkan_driver ignore nulls) over earlier
        ),
        'kernel ' || kernel,
        coalesce(
            firmware,
            first_value(firmware ignore nulls) over later,
            last_value(firmware ignore nulls) over earlier
        )
    ) as system
from runs
where provenance = 'measured'
window
    later as (
        partition by rig, backend, engine, model, mode, power_cap_w
        order by started_at, run_id
        rows between current row and unbounded following
    ),
    earlier as (
        partition by rig, backend, engine, model, mode, power_cap_w
        order by started_at, run_id
        rows between unbounded preceding and current row
    );

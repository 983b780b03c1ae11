-- The tables of what people declare in content/. Names and units as in schema.sql.

-- Rigs with a file in content/rigs (`declared`), and rigs that only runs name.
create table rigs (
    rig varchar primary key,
    title varchar not null,
    kind varchar not null,
    notes varchar not null,
    declared boolean not null,
    backends_json varchar not null,
    price double,
    currency varchar,
    owner varchar,
    public_key varchar
);

-- One row: whose site it is.
create table site (
    title varchar not null,
    author varchar,
    home varchar,
    address varchar,
    licence varchar,
    repository varchar,
    social_image varchar,
    known_senders varchar[] not null
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
-- as it takes to the knee. `beside`: builds that are measured in turns with it. `parts`: what of a
-- run is measured; `depths` of part deep, none: as far as it goes.
create table campaign_items (
    campaign varchar not null,
    title varchar not null,
    why varchar not null,
    rig varchar not null,
    backend varchar not null,
    build varchar not null,
    model varchar not null,
    model_sha256 varchar not null,
    family varchar not null,
    variant varchar not null,
    quant varchar not null,
    mode varchar not null,
    profile varchar not null,
    concurrencies integer[] not null,
    beside varchar[] not null,
    parts varchar[] not null,
    depths integer[] not null,
    asked_workloads varchar[] not null,
    asked_cap_w double,
    done boolean not null,
    estimate_s double,
    guessed boolean
);

-- Campaigns that want nothing yet: which of their places no rig declares, which of their models the
-- catalogue lacks.
create table waiting_campaigns (
    campaign varchar not null,
    title varchar not null,
    why varchar not null,
    places varchar[] not null,
    models varchar[] not null
);

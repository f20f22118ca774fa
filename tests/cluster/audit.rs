//! Who wrote what: the database itself notes every write of a job, and holds it against the lease as it stands when the write becomes final.
//!
//! Every node is a user of its own and bears that user's name. A trigger that is put off to the end of the transaction compares the user with
//! the name of whoever holds the shard of the row's organisation, and the run's epoch with the shard's: what differs is a write by a node
//! without the lease, and is kept as a violation.

use crate::cluster::Cluster;

/// What jobs write, a row of an organisation each.
const WRITTEN: [&str; 3] = ["event", "daily_usage", "monthly_usage"];

const NOTES: &str = "
CREATE SCHEMA audit;
CREATE TABLE audit.violation (written text, run uuid, epoch bigint, held bigint, writer text, holder text, at timestamptz);
CREATE TABLE audit.success (run uuid, writer text);

CREATE FUNCTION audit.hold_against_the_lease(of_whom uuid, written text, run uuid, epoch bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    held bigint;
    holder text;
BEGIN
    SELECT lease.epoch, node.name INTO held, holder FROM public.organisation
        JOIN public.lease ON lease.shard = organisation.shard LEFT JOIN public.node ON node.id = lease.owner
        WHERE organisation.id = of_whom;
    IF holder IS DISTINCT FROM session_user::text OR held IS DISTINCT FROM coalesce(epoch, held) THEN
        INSERT INTO audit.violation VALUES (written, run, epoch, held, session_user, holder, clock_timestamp());
    END IF;
END $$;

CREATE FUNCTION audit.of_a_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM audit.hold_against_the_lease(NEW.organisation_id, 'job_run', NEW.id, NEW.epoch);
    IF NEW.state = 'SUCCEEDED' AND (TG_OP = 'INSERT' OR OLD.state <> 'SUCCEEDED') THEN
        INSERT INTO audit.success VALUES (NEW.id, session_user);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION audit.of_a_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM audit.hold_against_the_lease(NEW.organisation_id, TG_TABLE_NAME, NULL, NULL);
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER audit AFTER INSERT OR UPDATE ON public.job_run
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.of_a_run();
";

/// Begins to note what is written of runs. From here on none may be asked for or cancelled by hand.
pub(crate) async fn of_runs(cluster: &Cluster) {
    cluster.write(NOTES).await;
}

/// Begins to note everything that jobs write. From here on nothing may happen to the organisations but by jobs.
pub(crate) async fn of_everything(cluster: &Cluster) {
    of_runs(cluster).await;
    for table in WRITTEN {
        let trigger = format!(
            "CREATE CONSTRAINT TRIGGER audit AFTER INSERT OR UPDATE ON public.{table}
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.of_a_row()"
        );
        cluster.write(&trigger).await;
    }
}

/// What was written by a node without the lease; in words.
pub(crate) async fn violations(cluster: &Cluster) -> Vec<String> {
    cluster.texts("SELECT row_to_json(violation)::text FROM audit.violation ORDER BY at LIMIT 20").await
}

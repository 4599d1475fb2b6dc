-- How far an application of the `eventsourcing` library has got in another's notifications, for the adapter's tracking.
CREATE TABLE library_tracking (
    application_name text PRIMARY KEY,
    notification_id  bigint NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON library_tracking TO tenet_view_writer;

-- What each service's login may do beyond reading: the stream categories that it owns, and two rare powers.
CREATE TABLE tenet_meta.logins (
    login              text PRIMARY KEY,
    categories         text[] NOT NULL,
    may_create_tenants boolean NOT NULL DEFAULT false,
    may_erase          boolean NOT NULL DEFAULT false
);

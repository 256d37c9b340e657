// Supabase Lite over the database named in the environment: PostgreSQL by the socket in
// PG_SOCKET, or PGlite in the folder PGLITE_FOLDER when no PostgreSQL server is installed.

const TIMESTAMPTZ = 1184;
const JSONB = 3802;
const { PG_SOCKET, PG_DATABASE, PGLITE_FOLDER, API_PORT, JWT_SECRET, PUBLISHABLE_KEY, SECRET_KEY } =
  process.env;

// Supabase's sign-up wants times with a "T", and bodies of functions must stay JSON.
const isoTime = (text) => text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00");
const toJson = (value) => (typeof value === "string" ? value : JSON.stringify(value));
const toTime = (value) => (value instanceof Date ? value.toISOString() : value);

async function connect() {
  if (PG_SOCKET) {
    const { createPostgresConnection } = await import("@supabase/lite/postgres");
    return createPostgresConnection({
      url: `postgres://postgres@localhost/${PG_DATABASE}`,
      postgresOptions: {
        host: PG_SOCKET,
        max: 16,
        onnotice: () => {},
        types: {
          timestamptz: { to: TIMESTAMPTZ, from: [TIMESTAMPTZ], serialize: toTime, parse: isoTime },
          jsonb: { to: JSONB, from: [JSONB], serialize: toJson, parse: JSON.parse },
        },
      },
    });
  }
  const { createPgliteConnection } = await import("@supabase/lite/pglite");
  return createPgliteConnection({
    url: PGLITE_FOLDER,
    pgliteOptions: {
      parsers: { [TIMESTAMPTZ]: isoTime, [JSONB]: JSON.parse },
      serializers: { [TIMESTAMPTZ]: toTime, [JSONB]: toJson },
    },
  });
}

export default {
  project_id: "genpy",
  api: { enabled: true, port: Number(API_PORT), schemas: ["public"], max_rows: 1000 },
  auth: {
    enabled: true,
    site_url: "http://127.0.0.1",
    jwt_secret: JWT_SECRET,
    jwt_expiry: 3600,
    enable_signup: true,
    publishable_key: PUBLISHABLE_KEY,
    secret_key: SECRET_KEY,
    email: { enable_signup: true, enable_confirmations: false },
  },
  connection: await connect(),
};

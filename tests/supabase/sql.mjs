// Run SQL from standard input on the database of config.mjs; print the last rows as JSON.
import { text } from "node:stream/consumers";

const { PG_SOCKET, PG_DATABASE, PGLITE_FOLDER } = process.env;
const statements = await text(process.stdin);

if (PG_SOCKET) {
  const { default: postgres } = await import("postgres");
  const sql = postgres({
    host: PG_SOCKET,
    user: "postgres",
    database: PG_DATABASE,
    onnotice: () => {},
    types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
  });
  try {
    const done = await sql.unsafe(statements);
    const last = Array.isArray(done.at(-1)) ? done.at(-1) : done;
    console.log(JSON.stringify(last));
  } finally {
    await sql.end();
  }
} else {
  const { PGlite } = await import("@electric-sql/pglite");
  const database = await PGlite.create(PGLITE_FOLDER);
  try {
    console.log(JSON.stringify((await database.exec(statements)).at(-1)?.rows ?? []));
  } finally {
    await database.close();
  }
}

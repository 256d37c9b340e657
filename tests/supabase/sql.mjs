// Run SQL from standard input on PostgreSQL; print the rows of the last statement as JSON.
import { text } from "node:stream/consumers";
import postgres from "postgres";

const { PG_SOCKET, PG_DATABASE } = process.env;
const sql = postgres({
  host: PG_SOCKET,
  user: "postgres",
  database: PG_DATABASE,
  onnotice: () => {},
  types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
});
try {
  const done = await sql.unsafe(await text(process.stdin));
  console.log(JSON.stringify(Array.isArray(done.at(-1)) ? done.at(-1) : done));
} finally {
  await sql.end();
}

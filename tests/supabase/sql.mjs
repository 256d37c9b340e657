// Run SQL on PostgreSQL: a line of input is {"database", "statements"}; the line that answers it is
// {"rows"} of the last statement, or {"error"}.
import { createInterface } from "node:readline";
import postgres from "postgres";

for await (const line of createInterface({ input: process.stdin })) {
  const { database, statements } = JSON.parse(line);
  const sql = postgres({
    host: process.env.PG_SOCKET,
    user: "postgres",
    database,
    onnotice: () => {},
    types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
  });
  try {
    const done = await sql.unsafe(statements);
    console.log(JSON.stringify({ rows: Array.isArray(done.at(-1)) ? done.at(-1) : done }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  } finally {
    await sql.end();
  }
}

// Fastify with fastify-metrics.
import Fastify from "fastify";
import metrics from "fastify-metrics";

import { failSometimes, items, pause } from "./faults.mjs";

const app = Fastify();
await app.register(metrics.default, { endpoint: "/metrics" });

app.get("/items", async () => {
  await pause();
  return items;
});

app.get("/items/:id", async (request, reply) => {
  failSometimes();
  const item = items.find(({ id }) => id === Number(request.params.id));
  return item ?? reply.code(404).send({ error: "no such item" });
});

await app.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });

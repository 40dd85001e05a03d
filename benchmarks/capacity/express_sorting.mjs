// Express with express-prom-bundle: GET /items sorts 3,000 items, which takes one core.
import { createRequire } from "node:module";

const require = createRequire(new URL("../../tests/services/node/package.json", import.meta.url));
const express = require("express");
const promBundle = require("express-prom-bundle");

const items = Array.from({ length: 3000 }, (_, id) => ({ id, name: `item ${(id * 7919) % 3000}` }));
const app = express();
app.use(promBundle({ includeMethod: true, includePath: true }));
app.get("/items", (request, response) => {
  response.json([...items].sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, 20));
});
app.get("/items/:id", (request, response) => response.json(items[Number(request.params.id)]));
app.listen(Number(process.env.PORT), "127.0.0.1");

// Express with express-prom-bundle.
import express from "express";
import promBundle from "express-prom-bundle";

import { failSometimes, items, pause } from "./faults.mjs";

const app = express();
app.use(promBundle({ includeMethod: true, includePath: true }));

app.get("/items", async (request, response) => {
  await pause();
  response.json(items);
});

app.get("/items/:id", (request, response) => {
  failSometimes();
  const item = items.find(({ id }) => id === Number(request.params.id));
  if (item) response.json(item);
  else response.sendStatus(404);
});

app.listen(Number(process.env.PORT), "127.0.0.1");

// Everything that is published under /contracts/, read by tools that nobody here wrote; prints what they find.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Parser, fromURL } from "@asyncapi/parser";
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv from "ajv/dist/2020.js";
import formats from "ajv-formats";

const [url, examples] = process.argv.slice(2);
const faults = [];
const read = async (address) => {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.text();
};
const index = JSON.parse(await read(`${url}/contracts/`));

const ajv = new Ajv({ strict: true, allErrors: true });
formats(ajv);
// Words of our own, for rules that JSON Schema has no word for; a reader may pass over them.
const ours = new Set();
const note = (value) => {
  if (value === null || typeof value !== "object") return;
  for (const [name, inner] of Object.entries(value)) {
    if (name.startsWith("x-")) ours.add(name);
    note(inner);
  }
};
const schemas = {};
for (const [name, address] of Object.entries(index.schemas)) {
  schemas[name] = JSON.parse(await read(address));
  note(schemas[name]);
}
ajv.addVocabulary([...ours]);
for (const [name, schema] of Object.entries(schemas)) {
  try {
    schemas[name] = ajv.compile(schema);
  } catch (error) {
    faults.push(`ajv: ${name}: ${error.message}`);
    delete schemas[name];
  }
}
const judge = (where, event) => {
  const check = schemas[event.type];
  if (check && !check(event.data)) faults.push(`ajv: ${where}: ${ajv.errorsText(check.errors)}`);
};
let judged = 0;
for (const [name, address] of Object.entries(index.examples)) {
  judge(name, JSON.parse(await read(address)));
  judged += 1;
}
for (const type of readdirSync(examples)) {
  for (const name of readdirSync(join(examples, type))) {
    judge(`${type}/${name}`, JSON.parse(readFileSync(join(examples, type, name), "utf8")));
    judged += 1;
  }
}

// From where it is served: what it refers to lies beside it.
const { document, diagnostics } = await fromURL(new Parser(), index.documents["asyncapi.yaml"]).parse();
const WARNING = 1;
for (const one of diagnostics) {
  if (one.severity <= WARNING) faults.push(`asyncapi: ${one.path.join("/")}: ${one.message}`);
}
if (!document) faults.push("asyncapi: no document");

const openapi = await new Validator().validate(JSON.parse(await read(`${url}/openapi.json`)));
if (!openapi.valid) faults.push(`openapi: ${JSON.stringify(openapi.errors)}`);

const told = { schemas: Object.keys(index.schemas).length, examples: judged, channels: document?.allChannels().length };
console.log(JSON.stringify({ ...told, openapi: openapi.valid, faults }));

// Events as the CloudEvents SDK for JavaScript sends them, in its modes, and as it reads what it is sent.
import { CloudEvent, HTTP, Mode, emitterFor, httpTransport } from "cloudevents";

const { URL: url, KEY: key } = process.env;
const [text] = process.argv.slice(2);
const example = JSON.parse(text);
const authorised = { Authorization: `Bearer ${key}` };
const told = [];
const send = async (mode, { headers, body }) => {
  const answer = await fetch(`${url}/events`, { method: "POST", headers: { ...headers, ...authorised }, body });
  told.push({ mode, status: answer.status, answer: await answer.json() });
};
const event = (id) => new CloudEvent({ ...example, id: `${example.id}-${id}` });

await send("structured", HTTP.structured(event("structured")));
await send("binary", HTTP.binary(event("binary")));
const batch = [event("first"), event("second")].map((one) => JSON.parse(HTTP.structured(one).body));
await send("batch", {
  headers: { "Content-Type": "application/cloudevents-batch+json" },
  body: JSON.stringify(batch),
});
// Its own transport, with what it puts into a request by itself.
for (const mode of [Mode.STRUCTURED, Mode.BINARY]) {
  const emit = emitterFor(httpTransport(`${url}/events`), { mode });
  const answer = await emit(event(`transport-${mode}`), { headers: authorised });
  told.push({ mode: `transport, ${mode}`, answer: JSON.parse(answer.body) });
}
console.log(JSON.stringify(told));

// Submit a run, follow it to its end, and print what its nodes gave: accio's gRPC API from Node.
//
//   node sweep.mjs PROTOS RUN.json
//
// PROTOS is the folder of the contract (docs/other-languages.md says where it is). ACCIO_ADDR and ACCIO_TOKEN are
// those of `accio`: HOST:PORT or unix:PATH, and a token that may submit.
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { env, exit, argv, stdout, stderr } from "node:process";

import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const [protos, file] = argv.slice(2);
const contract = protoLoader.loadSync("accio/v1/accio.proto", {
  includeDirs: [protos],
  keepCase: true, // fields are called as in the contract
  longs: String, // seeds have 64 bits, of which a number of JavaScript holds 53
  enums: String,
  defaults: true,
});
const { Accio } = grpc.loadPackageDefinition(contract).accio.v1;
const client = new Accio(env.ACCIO_ADDR, grpc.credentials.createInsecure());
const metadata = new grpc.Metadata();
metadata.set("authorization", `Bearer ${env.ACCIO_TOKEN}`);

/** Call a method with one answer. */
function call(method, request) {
  return new Promise((done, failed) =>
    client[method](request, metadata, (error, answer) => (error ? failed(error) : done(answer))),
  );
}

try {
  const { run, warnings } = await call("Submit", { definition: readFileSync(file), base_path: dirname(resolve(file)) });
  for (const { path, message } of warnings) stderr.write(`${path}: ${message}\n`);

  let state;
  for await (const update of client.Watch({ id: run.id }, metadata)) {
    if (update.run.state !== state) stderr.write(`${run.id} ${(state = update.run.state)}\n`);
  }

  // A chunk is some children, column by column; a column of parameters names its value of each row.
  for await (const { index, params, nodes } of client.Export({ ids: [run.id], outputs: true }, metadata)) {
    const rows = index.map((child) => ({ child: Number(child) }));
    for (const { name, values, value_of_row } of params)
      value_of_row.forEach((at, row) => (rows[row][name] = JSON.parse(values[at])));
    for (const { node, row, outputs_json } of nodes)
      outputs_json.forEach((text, at) => (rows[row[at]][node] = JSON.parse(text)));
    for (const row of rows) stdout.write(`${JSON.stringify(row)}\n`);
  }
  exit(state === "RUN_STATE_SUCCESS" ? 0 : 3);
} catch (error) {
  // `details` says what was expected and what was found.
  stderr.write(`${error.details ?? error.message}\n`);
  exit(2);
}

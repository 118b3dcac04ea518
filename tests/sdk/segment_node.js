// Makes the calls of a plan through Segment's SDK for Node: node segment_node.js < plan.json
"use strict";
const { Analytics } = require("@segment/analytics-node");
const plan = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const analytics = new Analytics({ writeKey: plan.key, host: plan.host, maxRetries: 3 });
const failures = [];
analytics.on("error", (error) => failures.push(String(error.reason ?? error.code)));
for (const { call, ...fields } of plan.calls) {
  analytics[call]({ ...fields, timestamp: new Date(fields.timestamp) });
}
analytics.closeAndFlush({ timeout: 60000 }).then(() => {
  if (failures.length) console.error(failures.slice(0, 3).join("; "));
  process.exit(failures.length ? 1 : 0);
});

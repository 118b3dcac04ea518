// Makes the calls of a plan through RudderStack's SDK for Node: node rudder_node.js < plan.json
"use strict";
const Analytics = require("@rudderstack/rudder-sdk-node");
const plan = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const analytics = new Analytics(plan.key, { dataPlaneUrl: plan.host, flushAt: 100, logLevel: "error" });
for (const { call, ...fields } of plan.calls) {
  analytics[call]({ ...fields, timestamp: new Date(fields.timestamp) });
}
(async () => {
  while (analytics.queue.length) await analytics.flush();
  await analytics.pendingFlush;
})().catch((error) => {
  console.error(String(error));
  process.exitCode = 1;
});

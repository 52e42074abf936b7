// node verify.cjs KEY.pem BUNDLE …: each bundle has to be signed by the key, as @sigstore/verify sees it.
const { readFileSync } = require("node:fs");
const { createPublicKey } = require("node:crypto");
const { bundleFromJSON } = require("@sigstore/bundle");
const { Verifier, toSignedEntity, toTrustMaterial } = require("@sigstore/verify");

const [key, ...bundles] = process.argv.slice(2);
const none = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
const publicKey = createPublicKey(readFileSync(key));
const trust = toTrustMaterial(none, () => ({ publicKey, validFor: () => true }));
const verifier = new Verifier(trust, { tlogThreshold: 0, timestampThreshold: 0 });
for (const path of bundles) {
  verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(readFileSync(path)))));
}

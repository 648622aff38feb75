// Says in one sentence what is missing when a script is started under a Node.js that cannot run TypeScript sources.
const [major, minor] = process.versions.node.split('.').map(Number)
if (!((major === 22 && minor >= 20) || (major === 24 && minor >= 12) || major >= 26)) {
  console.error(
    `Lockstep needs Node.js 22.20+, 24.12+ or 26+; this is ${process.version}. On Linux \`npm ci\` brings one along ` +
      '(so use `npm start`, not plain `node`); elsewhere install a newer Node.js.',
  )
  process.exit(1)
}

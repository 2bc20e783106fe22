// An unmodified node-soap, as a script of a shop would use it: started from the service description
// alone. The calls to make come as JSON on standard input, the answers go as JSON to standard output.
import { createClientAsync } from 'soap';

const { wsdl, namespace, username, password, version, calls } = JSON.parse(
  await new Promise((resolve) => {
    let text = '';
    process.stdin.on('data', (piece) => (text += piece)).on('end', () => resolve(text));
  }),
);

const client = await createClientAsync(wsdl, { forceSoap12Headers: version === '1.2' });
client.addSoapHeader(
  { AuthenticationHeader: { Username: username, Password: password } }, '', 'tns', namespace,
);
const answers = [];
for (const [operation, request] of calls) {
  try {
    const [result] = await client[`${operation}Async`](request);
    answers.push({ operation, result });
  } catch (error) {
    answers.push({ operation, status: error.response?.status, error: String(error.message) });
  }
}
process.stdout.write(JSON.stringify({ described: Object.keys(client.describe()), answers }));

// node ws.mjs URL TOKEN: the real graphql-ws client against the toy schema; prints what happened as one JSON object.
// With a third argument, a subscription: prints its first result and completes it, against any schema.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, token, subscription] = process.argv.slice(2);
const connect = (connectionParams) =>
  createClient({ url, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0, lazyCloseTimeout: 0 });
const client = connect({ authorization: `Bearer ${token}` });

const all = async (query, using = client) => {
  const results = [];
  for await (const result of using.iterate({ query })) results.push(result);
  return results;
};
const firstOf = async (query) => {
  const results = client.iterate({ query });
  const { value } = await results.next();
  await results.return();
  return value;
};
const failureOf = async (query, using = client) => {
  try {
    return { results: await all(query, using) };
  } catch (fault) {
    return Array.isArray(fault) ? { errors: fault } : { close: [fault.code, fault.reason] };
  }
};

const report = subscription
  ? { first: await firstOf(subscription) }
  : {
      counted: await all('subscription { count(to: 3) }'),
      owner: await all('subscription { owner }'),
      query: await all('{ hello whoami }'),
      mutation: await all('mutation { bump }'),
      completedEarly: await firstOf('subscription { endless }'),
      together: await Promise.all([all('subscription { count(to: 2) }'), firstOf('subscription { endless }')]),
      invalid: await failureOf('subscription { nothing }'),
      badToken: await failureOf('{ hello }', connect({ authorization: 'Bearer wrong' })),
      noToken: await all('{ whoami }', connect(undefined)),
    };
console.log(JSON.stringify(report));
await client.dispose();

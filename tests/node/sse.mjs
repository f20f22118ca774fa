// node sse.mjs URL TOKEN [SUBSCRIPTION]: the real graphql-sse client; prints the results of each subscription.
import { createClient } from 'graphql-sse';

const [url, token, subscription] = process.argv.slice(2);
const client = createClient({ url, headers: { authorization: `Bearer ${token}` }, retryAttempts: 0 });
const all = async (query) => {
  const results = [];
  for await (const result of client.iterate({ query })) results.push(result);
  return results;
};

console.log(
  JSON.stringify(
    subscription
      ? { results: await all(subscription) }
      : { results: await all('subscription { count(to: 3) }'), owner: await all('subscription { owner }') },
  ),
);
client.dispose();

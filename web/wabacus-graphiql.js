// Puts GraphiQL on the page: queries and mutations by fetch, subscriptions by WebSocket, both with the headers of the
// header editor, so that one pasted token serves both.
'use strict';

(() => {
  const endpoint = new URL('/graphql', location.href).href;
  const socket = new URL('/graphql/ws', location.href);
  socket.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';

  const starter = `# Welcome to Wabacus.
#
# 1. Paste a token into "Headers" below,
#    behind "Bearer ". "wabacus demo" prints
#    some, "wabacus token create" makes one.
# 2. Run the query: Ctrl-Enter or the button.
# 3. The book, top left, explains every type;
#    Ctrl-Space completes what you type.
#
# Subscriptions run here with the same token.

query WhoAmI {
  viewer {
    admin
    scopes
    expiresAt
    organisation {
      name
      timeZone
      currency
    }
  }
}
`;

  // The starter's header has no token yet. Sent as it is, it would be refused, and the documentation with it.
  const withoutEmptyToken = (headers) =>
    Object.fromEntries(
      Object.entries(headers ?? {}).filter(
        ([name, value]) => !(name.toLowerCase() === 'authorization' && /^(bearer)?\s*$/i.test(value)),
      ),
    );

  const isSubscription = (document, name) =>
    (document?.definitions ?? []).some(
      (definition) =>
        definition.kind === 'OperationDefinition' &&
        definition.operation === 'subscription' &&
        (!name || definition.name?.value === name),
    );

  const post = async (params, headers) => {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json, application/json',
        'content-type': 'application/json',
        ...headers,
      },
      body: JSON.stringify(params),
    });
    return response.json();
  };

  const described = (fault) => {
    if (Array.isArray(fault)) return { errors: fault };
    if (typeof fault?.code === 'number') {
      return { errors: [{ message: `The connection was closed: ${fault.code} ${fault.reason ?? ''}`.trim() }] };
    }
    return { errors: [{ message: fault?.message ?? 'The connection failed.' }] };
  };

  // An iterator by hand: an async generator would keep "stop" waiting until the next event.
  const subscribe = (params, headers) => {
    const client = graphqlWs.createClient({ url: socket.href, connectionParams: headers });
    const results = client.iterate(params);
    let failed = false;
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      async next() {
        if (failed) return { done: true, value: undefined };
        try {
          const step = await results.next();
          if (step.done) client.dispose();
          return step;
        } catch (fault) {
          failed = true;
          client.dispose();
          return { done: false, value: described(fault) };
        }
      },
      async return() {
        await results.return();
        client.dispose();
        return { done: true, value: undefined };
      },
    };
  };

  const fetcher = (params, options) => {
    const headers = withoutEmptyToken(options?.headers);
    return isSubscription(options?.documentAST, params.operationName)
      ? subscribe(params, headers)
      : post(params, headers);
  };

  // A link may bring its token along: /graphiql#token=... . The part behind # is not sent to the server, and it is taken out of
  // the address at once, so that it stays out of the history and of what is copied.
  const linkedToken = () => {
    const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
    if (token) history.replaceState(null, '', location.pathname + location.search);
    return token;
  };

  const element = React.createElement;
  const logo = element(
    GraphiQL.Logo,
    null,
    element(
      'a',
      { className: 'wabacus-logo', href: '/graphiql' },
      element('img', { src: '/assets/wabacus.svg', alt: '' }),
      'Wabacus',
    ),
  );
  const page = element(
    GraphiQL,
    {
      fetcher,
      defaultQuery: starter,
      defaultHeaders: JSON.stringify({ Authorization: `Bearer ${linkedToken()}` }, null, 2),
      defaultEditorToolsVisibility: 'headers',
    },
    logo,
  );
  ReactDOM.createRoot(document.getElementById('graphiql')).render(page);
})();

import { createService } from './create-service.js';

const app = await createService();
app.enableShutdownHooks(undefined, { useProcessExit: true }); // process 1 of a container is not ended by its own signal
await app.listen(Number(process.env.PORT ?? 3000)); // first: probes are answered while the broker is away
await app.startAllMicroservices();

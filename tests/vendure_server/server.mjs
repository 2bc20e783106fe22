// A real Vendure server with a seeded catalogue, for the tests of veracore-sync.
//
//   node server.mjs --dir DATA [--port 0] [--db sqljs|postgres|mariadb] [--variants 40] …
//
// A folder DATA that was already seeded starts warm: no schema sync, no seeding. When the server answers
// and is seeded it writes DATA/ready.json. SIGTERM and SIGINT stop it; with --stop-on-stdin-end so does
// the end of its standard input, so that it cannot outlive the test run that started it. A line there makes
// it as it was when it started: over the seeded file again, or over the PostgreSQL database that the line names.
process.env.VENDURE_DISABLE_TELEMETRY = 'true';
process.env.NODE_ENV ??= 'production';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
    options: {
        dir: { type: 'string' },
        port: { type: 'string', default: '0' },
        db: { type: 'string', default: 'sqljs' },
        variants: { type: 'string', default: '40' },
        stock: { type: 'string', default: '1000' },         // on hand of each variant at the first location
        locations: { type: 'string', default: '1' },
        currency: { type: 'string', default: 'USD' },       // of the default channel
        'prices-include-tax': { type: 'boolean', default: false },
        'custom-fields': { type: 'boolean', default: false },
        search: { type: 'boolean', default: false },        // search and job queue plugins, as a created project has
        uuid: { type: 'boolean', default: false },          // ids are UUIDs instead of numbers
        'multi-vendor': { type: 'boolean', default: false },    // two sellers, and orders split among them
        'token-methods': { type: 'string', default: 'bearer,cookie,api-key' },
        'session-duration': { type: 'string', default: '1y' },      // milliseconds, or as here
        'session-cache-ttl': { type: 'string', default: '300' },    // seconds
        'list-limit': { type: 'string', default: '0' },         // apiOptions.adminListQueryLimit; 0: Vendure's
        'channel-token-key': { type: 'string', default: '' },   // apiOptions.channelTokenKey
        'auth-token-header': { type: 'string', default: '' },   // authOptions.authTokenHeaderKey
        money: { type: 'string', default: '' },     // 'unit' rounds a unit's price, 'line' a line's; else Vendure's
        precision: { type: 'string', default: '2' },            // decimals of money
        channels: { type: 'string', default: '0' },             // besides the default one
        'track-inventory': { type: 'string', default: '' },     // 'false': the global switch is off
        'out-of-stock-threshold': { type: 'string', default: '0' },     // the global one
        modules: { type: 'string', default: '.' },              // folder of the npm project of this version
        'db-host': { type: 'string', default: '' },             // a folder of sockets, or a socket
        'db-port': { type: 'string', default: '5432' },
        'db-user': { type: 'string', default: 'vendure' },
        'db-name': { type: 'string', default: 'vendure' },
        'stop-on-stdin-end': { type: 'boolean', default: false },
    },
});
const host = '127.0.0.1';
const dir = path.resolve(options.dir);
fs.mkdirSync(dir, { recursive: true });
const seededMark = path.join(dir, 'seeded.json');
const readyFile = path.join(dir, 'ready.json');
const fresh = !fs.existsSync(seededMark);
fs.rmSync(readyFile, { force: true });
// in production mode Vendure refuses to start with the default password
const username = 'superadmin';
const password = 'test-bed-admin';

// Vendure before 3.1 brings a library that reads options of this name, too.
process.argv.splice(2);
const core = createRequire(path.join(path.resolve(options.modules), 'package.json'))('@vendure/core');

const databases = {
    sqljs: () => ({
        type: 'sqljs', location: path.join(dir, 'vendure.sqljs'), autoSave: false,
        ...(fresh ? { database: new Uint8Array([]) } : {}),
    }),
    postgres: () => ({
        type: 'postgres', host: options['db-host'], port: Number(options['db-port']),
        username: options['db-user'], password: '', database: options['db-name'], poolSize: 10,
    }),
    mariadb: () => ({
        type: 'mariadb', socketPath: options['db-host'],
        username: options['db-user'], password: '', database: options['db-name'], poolSize: 10,
    }),
};

const nullableText = name => ({ name, type: 'string', nullable: true });
const nullable = (name, type, more = {}) => ({ name, type, nullable: true, ...more });
const hasStructs = !core.VENDURE_VERSION.startsWith('3.0.');
const customFields = {
    Order: [
        nullableText('erpId'), nullable('exportedAt', 'datetime'),
        nullable('wish', 'text'), nullable('boxes', 'int'), nullable('weight', 'float'), nullable('giftWrap', 'boolean'),
        nullable('guarded', 'string', { requiresPermission: 'ReadSettings' }),
        nullable('hidden', 'string', { ui: { dashboard: false } }), nullable('secret', 'string', { internal: true }),
        nullable('tags', 'string', { list: true }), nullable('partner', 'relation', { entity: core.Customer }),
        ...(hasStructs ? [nullable('size', 'struct', { fields: [{ name: 'height', type: 'int' }] })] : []),
    ],
    Fulfillment: [nullableText('erpRef')],
    ProductVariant: [nullableText('binLocation')],
};
const plugins = () => [
    core.DefaultJobQueuePlugin.init({ useDatabaseForBuffer: true }),
    core.DefaultSearchPlugin.init({ bufferUpdates: false, indexStockStatus: true }),
];

// settles at once or only authorises, by its argument; a refund is settled at once
const testPayment = new core.PaymentMethodHandler({
    code: 'test-payment',
    description: [{ languageCode: core.LanguageCode.en, value: 'Test payment' }],
    args: { automaticSettle: { type: 'boolean' } },
    createPayment: (_ctx, order, amount, args, metadata) => ({
        amount, state: args.automaticSettle ? 'Settled' : 'Authorized', transactionId: `pay-${order.code}`, metadata,
    }),
    settlePayment: () => ({ success: true }),
    cancelPayment: () => ({ success: true }),
    createRefund: (_ctx, _input, _amount, order) => ({ state: 'Settled', transactionId: `refund-${order.code}` }),
});

// As Vendure's own example of a marketplace: a variant in a seller's channel is that seller's, an order is split when
// it is placed, and each seller's part is paid from the order's payment.
let services;
const sellerStrategy = {
    init(injector) {
        const of = service => injector.get(service);
        services = { channels: of(core.ChannelService), orders: of(core.OrderService), connection: of(core.TransactionalConnection) };
    },
    async setOrderLineSellerChannel(ctx, line) {
        const variant = await services.connection.getEntityOrThrow(ctx, core.ProductVariant, line.productVariant.id, {
            relations: ['channels'],
        });
        const home = await services.channels.getDefaultChannel(ctx);
        // Only what is bought in the marketplace itself is split.
        if (ctx.channelId !== home.id) return undefined;
        return variant.channels.find(channel => channel.code.startsWith('seller-'));
    },
    splitOrder(_ctx, order) {
        const parts = new Map();
        for (const line of order.lines) {
            if (!line.sellerChannelId) continue;
            const empty = { channelId: line.sellerChannelId, state: 'ArrangingPayment', lines: [], shippingLines: order.shippingLines };
            if (!parts.has(line.sellerChannelId)) parts.set(line.sellerChannelId, empty);
            parts.get(line.sellerChannelId).lines.push(line);
        }
        return [...parts.values()];
    },
    async afterSellerOrdersCreated(ctx, _aggregate, sellerOrders) {
        for (const order of sellerOrders) {
            const paid = await services.orders.addPaymentToOrder(ctx, order.id, { method: 'standard-payment', metadata: {} });
            if (core.isGraphQlErrorResult(paid)) throw new Error(paid.message);
        }
    },
};

class Money extends core.DefaultMoneyStrategy {
    precision = Number(options.precision);

    round(value, quantity = 1) {
        if (options.money === 'unit') return Math.round(value) * quantity;
        if (options.money === 'line') return Math.round(value * quantity);
        return super.round(value, quantity);
    }
}

const given = (key, value) => (value ? { [key]: value } : {});
const duration = options['session-duration'];
const app = await core.bootstrap({
    logger: new core.DefaultLogger({ level: core.LogLevel.Warn, timestamp: true }),
    apiOptions: {
        port: Number(options.port), hostname: host, adminApiPath: 'admin-api', shopApiPath: 'shop-api',
        cors: false, trustProxy: false,
        ...given('adminListQueryLimit', Number(options['list-limit'])), ...given('channelTokenKey', options['channel-token-key']),
    },
    authOptions: {
        tokenMethod: options['token-methods'].split(','),
        ...given('authTokenHeaderKey', options['auth-token-header']),
        superadminCredentials: { identifier: username, password },
        cookieOptions: { secret: 'vendure-test-bed' },
        requireVerification: false,
        sessionDuration: /^\d+$/.test(duration) ? Number(duration) : duration,
        sessionCacheTTL: Number(options['session-cache-ttl']),
    },
    dbConnectionOptions: { ...databases[options.db](), synchronize: fresh, migrations: [], logging: false },
    paymentOptions: { paymentMethodHandlers: [testPayment] },
    orderOptions: options['multi-vendor'] ? { orderSellerStrategy: sellerStrategy } : {},
    entityOptions: { moneyStrategy: new Money(), ...(options.uuid ? { entityIdStrategy: new core.UuidIdStrategy() } : {}) },
    customFields: options['custom-fields'] ? customFields : {},
    plugins: options.search ? plugins() : [],
});
if (options.search) await app.get(core.JobQueueService).start();    // there is no worker process here

// sql.js keeps the database in memory: written when the server stops, and synchronously, because Nest's
// own hook ends the process on the same signal.
function saveSqljs() {
    if (options.db !== 'sqljs') return;
    const { driver } = app.get(core.TransactionalConnection).rawConnection;
    fs.writeFileSync(path.join(dir, 'vendure.sqljs'), Buffer.from(driver.export()));
}

function stop() {
    saveSqljs();
    process.exit(0);
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
if (options['stop-on-stdin-end']) readline.createInterface({ input: process.stdin }).on('line', renew).on('close', stop);

if (fresh) {
    await seed();
    saveSqljs();
    fs.writeFileSync(seededMark, JSON.stringify({ version: core.VENDURE_VERSION, options }));
}
sayReady();

function sayReady() {
    const base = `http://${host}:${app.getHttpServer().address().port}`;
    fs.writeFileSync(`${readyFile}.part`, JSON.stringify({
        pid: process.pid, version: core.VENDURE_VERSION, db: options.db,
        adminUrl: `${base}/admin-api`, shopUrl: `${base}/shop-api`, username, password,
    }));
    fs.renameSync(`${readyFile}.part`, readyFile);
}

// Fresh data under a running server, which takes a hundredth of a start.
async function renew(database) {
    const http = app.getHttpServer();
    http.closeAllConnections();
    await sleep(100);   // what a killed client had asked for is still being done
    const { driver } = app.get(core.TransactionalConnection).rawConnection;
    if (options.db === 'sqljs') {
        await driver.load(path.join(dir, 'vendure.sqljs'));
        app.get(core.ListQueryBuilder).onApplicationBootstrap();    // defines a function of SQLite's
    } else {
        await driver.disconnect();
        driver.options.database = database;
        await driver.connect();
    }
    const { cacheStrategy } = app.get(core.ConfigService).systemOptions;
    cacheStrategy.cache.clear();
    cacheStrategy.cacheTags.clear();
    await app.get(core.ZoneService).zones.refresh(core.RequestContext.empty());
    await app.get(core.TaxRateService).activeTaxRates.refresh(core.RequestContext.empty());
    await app.get(core.ChannelService).allChannels.refresh(core.RequestContext.empty());
    sayReady();
}

async function seed() {
    await seedShop();
    const contexts = app.get(core.RequestContextService);
    const channels = app.get(core.ChannelService);
    const channel = await channels.getDefaultChannel();
    await channels.update(await contexts.create({ apiType: 'admin' }), {
        id: channel.id, pricesIncludeTax: options['prices-include-tax'],
        defaultCurrencyCode: options.currency, availableCurrencyCodes: [options.currency],
    });
    const ctx = await contexts.create({ apiType: 'admin' });
    await seedVariants(ctx, await seedLocations(ctx));
    if (options['multi-vendor']) await seedSellers();
    for (let n = 1; n <= Number(options.channels); n++) await seedChannel(n);
    await app.get(core.GlobalSettingsService).updateSettings(ctx, {
        outOfStockThreshold: Number(options['out-of-stock-threshold']), ...(options['track-inventory'] === 'false' ? { trackInventory: false } : {}),
    });
    if (options.search) await app.get(core.SearchService).reindex(ctx);
}

function payment(name, automaticSettle) {
    const settle = { name: 'automaticSettle', value: String(automaticSettle) };
    return { name, handler: { code: testPayment.code, arguments: [settle] } };
}

async function seedShop() {
    await app.get(core.Populator).populateInitialData({
        defaultLanguage: core.LanguageCode.en,
        defaultZone: 'Europe',
        countries: [
            { name: 'Germany', code: 'DE', zone: 'Europe' },
            { name: 'United Kingdom', code: 'GB', zone: 'Europe' },
            { name: 'United States', code: 'US', zone: 'Americas' },
            { name: 'Japan', code: 'JP', zone: 'Asia' },
            { name: 'Canada', code: 'CA', zone: 'Americas' },
            { name: 'Curaçao', code: 'CW', zone: 'Americas' },
            { name: 'Kuwait', code: 'KW', zone: 'Asia' },
        ],
        taxRates: [{ name: 'Standard Tax', percentage: 20 }, { name: 'Reduced Tax', percentage: 7 }],
        shippingMethods: [{ name: 'Standard Shipping', price: 500 }, { name: 'Express Shipping', price: 1000 }],
        paymentMethods: [payment('Standard Payment', true), payment('Authorize Only', false)],
        collections: [],
    });
}

async function seedLocations(ctx) {
    const locations = app.get(core.StockLocationService);
    for (let n = 2; n <= Number(options.locations); n++) {
        await locations.create(ctx, { name: `Warehouse ${n}`, description: '' });
    }
    const { items } = await locations.findAll(ctx, { sort: { createdAt: 'ASC' } });
    return items.map(location => location.id);
}

// SKU-000001, SKU-000002, …; five variants to a product; prices 500, 537, 574, … minor units
async function seedVariants(ctx, locationIds) {
    const { items: taxCategories } = await app.get(core.TaxCategoryService).findAll(ctx);
    const standard = taxCategories.find(category => category.name.startsWith('Standard'));
    const importer = app.get(core.FastImporterService);
    await importer.initialize();
    let productId;
    for (let n = 0; n < Number(options.variants); n++) {
        const number = 1 + Math.floor(n / 5);
        if (n % 5 === 0) {
            const name = `Product ${number}`;
            productId = await importer.createProduct({
                enabled: true,
                translations: [{ languageCode: 'en', name, slug: `product-${number}`, description: name }],
            });
        }
        await importer.createProductVariant({
            productId, sku: `SKU-${String(n + 1).padStart(6, '0')}`, price: 500 + (n * 37) % 20000,
            taxCategoryId: standard.id,
            translations: [{ languageCode: 'en', name: `Product ${number} variant ${1 + n % 5}` }],
            ...(core.VENDURE_VERSION.startsWith('3.0.') ? { stockOnHand: Number(options.stock) } : {}),
            stockLevels: locationIds.map((stockLocationId, i) => ({
                stockLocationId, stockOnHand: i === 0 ? Number(options.stock) : 0,
            })),
        });
    }
}

async function superadmin() {
    return app.get(core.TransactionalConnection).rawConnection.getRepository(core.User).findOne({
        where: { identifier: username }, relations: ['roles', 'roles.channels'],
    });
}

// A channel with every shipping method, which the superadmin and shoppers may use.
async function newChannel(user, name, sellerId) {
    const channels = app.get(core.ChannelService);
    const ctx = await app.get(core.RequestContextService).create({ apiType: 'admin', user });
    const home = await channels.getDefaultChannel();
    const channel = await channels.create(ctx, {
        code: name, token: name, sellerId, pricesIncludeTax: options['prices-include-tax'],
        defaultLanguageCode: 'en', availableLanguageCodes: ['en'],
        defaultCurrencyCode: options.currency, availableCurrencyCodes: [options.currency],
        defaultTaxZoneId: home.defaultTaxZone.id, defaultShippingZoneId: home.defaultShippingZone.id,
    });
    const roles = app.get(core.RoleService);
    await roles.assignRoleToChannel(ctx, (await roles.getSuperAdminRole(ctx)).id, channel.id);
    await roles.assignRoleToChannel(ctx, (await roles.getCustomerRole(ctx)).id, channel.id);
    user.roles.forEach(role => role.channels.push(channel));
    const { items: shipping } = await app.get(core.ShippingMethodService).findAll(ctx);
    for (const method of shipping) await channels.assignToChannels(ctx, core.ShippingMethod, method.id, [channel.id]);
    return channel;
}

async function assignVariants(user, channel, variants) {
    const ctx = await app.get(core.RequestContextService).create({ apiType: 'admin', user });
    await app.get(core.ProductVariantService).assignProductVariantsToChannel(ctx, {
        channelId: channel.id, productVariantIds: variants.map(one => one.id), priceFactor: 1,
    });
}

function allVariants(ctx) {
    return app.get(core.TransactionalConnection).getRepository(ctx, core.ProductVariant).find({ order: { id: 'ASC' } });
}

// Channel channel-N (its token is the same) with the stock location "Warehouse of channel-N", the payment methods and the first
// twenty variants: the channels share them.
async function seedChannel(n) {
    const user = await superadmin();
    const channel = await newChannel(user, `channel-${n}`);
    const ctx = await app.get(core.RequestContextService).create({ apiType: 'admin', user });
    const channels = app.get(core.ChannelService);
    const { items: payments } = await app.get(core.PaymentMethodService).findAll(ctx);
    for (const method of payments) await channels.assignToChannels(ctx, core.PaymentMethod, method.id, [channel.id]);
    const variants = (await allVariants(ctx)).slice(0, 20);
    await assignVariants(user, channel, variants);
    const location = await app.get(core.StockLocationService).create(ctx, { name: `Warehouse of channel-${n}`, description: '' });
    await channels.assignToChannels(ctx, core.StockLocation, location.id, [channel.id]);
    await app.get(core.ProductVariantService).update(ctx, variants.map(one => ({
        id: one.id, stockLevels: [{ stockLocationId: location.id, stockOnHand: Number(options.stock) }],
    })));
}

// Channels seller-1 and seller-2 (their tokens are the same) with the variants in turn: SKU-000001 is seller-1's. The last
// two variants belong to no seller.
async function seedSellers() {
    const user = await superadmin();
    const ctx = await app.get(core.RequestContextService).create({ apiType: 'admin', user });
    const variants = await allVariants(ctx);
    const { items: locations } = await app.get(core.StockLocationService).findAll(ctx);
    for (const [index, name] of ['seller-1', 'seller-2'].entries()) {
        const seller = await app.get(core.SellerService).create(ctx, { name });
        const channel = await newChannel(user, name, seller.id);
        await assignVariants(user, channel, variants.slice(0, -2).filter((_, at) => at % 2 === index));
        for (const location of locations) {
            await app.get(core.ChannelService).assignToChannels(ctx, core.StockLocation, location.id, [channel.id]);
        }
    }
}

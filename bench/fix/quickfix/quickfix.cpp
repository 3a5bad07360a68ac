// QuickFIX C++ on the messages that `codec generate` wrote: the same operations, printed as `crates/fix/benches/codec` prints its own.
//
// `quickfix FOLDER ROUNDS [FIX44.xml]`. `parse` is Message::setString with its validation, which checks BodyLength and CheckSum, into one message that is
// used again; `read` is that and six values as numbers, time and text; `validate` takes the data dictionary, without which groups are not taken apart;
// `encode` sets the fields of a message that is used again and writes it. Texts are std::string before the clock starts.

#include <quickfix/DataDictionary.h>
#include <quickfix/FieldTypes.h>
#include <quickfix/Fields.h>
#include <quickfix/Message.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

template <typename T> void keep(const T &value) { asm volatile("" : : "g"(&value) : "memory"); }

std::uint64_t nanoseconds(Clock::duration time) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
}

// FNV-1a of "tag=value".
std::uint64_t fnv(const std::string &text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (unsigned char byte : text) hash = (hash ^ byte) * 0x0100000001b3;
    return hash;
}

std::uint64_t hash_fields(const FIX::FieldMap &fields) {
    std::uint64_t sum = 0;
    for (auto field = fields.begin(); field != fields.end(); ++field)
        sum += fnv(std::to_string(field->getTag()) + "=" + field->getString());
    for (auto groups = fields.g_begin(); groups != fields.g_end(); ++groups)
        for (const FIX::FieldMap *group : groups->second) sum += hash_fields(*group);
    return sum;
}

std::uint64_t hash_message(const FIX::Message &message) {
    return hash_fields(message.getHeader()) + hash_fields(message) + hash_fields(message.getTrailer());
}

std::vector<std::string> read_messages(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        std::fprintf(stderr, "%s cannot be read\n", path.c_str());
        std::exit(1);
    }
    std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    std::vector<std::string> messages;
    for (std::size_t start = 0; start < bytes.size();) {
        std::size_t trailer = bytes.find("\00110=", start);
        std::size_t end = bytes.find('\001', trailer + 1) + 1;
        messages.push_back(bytes.substr(start, end - start));
        start = end;
    }
    return messages;
}

std::uint64_t timer_ns() {
    std::vector<std::uint64_t> apart;
    for (int turn = 0; turn < 10001; ++turn) {
        auto start = Clock::now();
        apart.push_back(nanoseconds(Clock::now() - start));
    }
    std::sort(apart.begin(), apart.end());
    return apart[apart.size() / 2];
}

struct Timed {
    std::string kind;
    std::string operation;
    std::uint64_t hash;
    std::size_t messages;
    std::size_t bytes;
    int rounds;

    template <typename Body> void print(Body body) const {
        std::vector<double> means;
        std::vector<std::uint64_t> latencies;
        for (int round = 0; round < rounds; ++round) {
            auto start = Clock::now();
            for (std::size_t index = 0; index < messages; ++index) body(index);
            means.push_back(static_cast<double>(nanoseconds(Clock::now() - start)) / static_cast<double>(messages));
            for (std::size_t index = 0; index < messages; ++index) {
                auto begin = Clock::now();
                body(index);
                latencies.push_back(nanoseconds(Clock::now() - begin));
            }
        }
        std::sort(means.begin(), means.end());
        std::sort(latencies.begin(), latencies.end());
        auto at = [&](double share) {
            return static_cast<unsigned long long>(latencies[static_cast<std::size_t>(share * static_cast<double>(latencies.size() - 1))]);
        };
        std::printf("{\"contender\": \"quickfix-cpp\", \"kind\": \"%s\", \"operation\": \"%s\", \"hash\": \"%016llx\", \"messages\": %zu, "
                    "\"bytes\": %zu, \"mean_ns\": %.1f, \"mean_ns_min\": %.1f, \"p50_ns\": %llu, \"p99_ns\": %llu, \"p999_ns\": %llu, "
                    "\"timer_ns\": %llu}\n",
                    kind.c_str(), operation.c_str(), static_cast<unsigned long long>(hash), messages, bytes, means[means.size() / 2],
                    means[0], at(0.5), at(0.99), at(0.999), static_cast<unsigned long long>(timer_ns()));
    }
};

// A field that is set from a typed value, as an application would.
struct Value {
    enum Kind { Text, Char, Integer, Price, Time } kind;
    int tag;
    std::string text;
    char character;
    int integer;
    double price;
    FIX::UtcTimeStamp time;

    Value(int tag, const std::string &text) : kind(Text), tag(tag), text(text), character(text[0]), integer(0), price(0), time() {
        switch (tag) {
        case FIX::FIELD::HandlInst: case FIX::FIELD::Side: case FIX::FIELD::OrdType: case FIX::FIELD::TimeInForce:
        case FIX::FIELD::ExecType: case FIX::FIELD::OrdStatus:
            kind = Char;
            break;
        case FIX::FIELD::MsgSeqNum: case FIX::FIELD::OrderQty: case FIX::FIELD::LastQty: case FIX::FIELD::LeavesQty:
        case FIX::FIELD::CumQty: case FIX::FIELD::ClOrdID: case FIX::FIELD::OrderID: case FIX::FIELD::ExecID:
            kind = Integer;
            integer = std::stoi(text);
            break;
        case FIX::FIELD::Price: case FIX::FIELD::LastPx: case FIX::FIELD::AvgPx:
            kind = Price;
            price = std::stod(text);
            break;
        case FIX::FIELD::SendingTime: case FIX::FIELD::TransactTime:
            kind = Time;
            time = FIX::UtcTimeStampConvertor::convert(text);
            break;
        default:
            break;
        }
    }

    void set(FIX::FieldMap &fields) const {
        switch (kind) {
        case Text: fields.setField(FIX::StringField(tag, text)); break;
        case Char: fields.setField(FIX::CharField(tag, character)); break;
        case Integer: fields.setField(FIX::IntField(tag, integer)); break;
        case Price: fields.setField(FIX::DoubleField(tag, price, 2)); break;
        case Time: fields.setField(FIX::UtcTimeStampField(tag, time, 3)); break;
        }
    }
};

struct Values {
    std::vector<Value> header;
    std::vector<Value> body;
};

Values values_of(const FIX::Message &message) {
    Values values;
    for (auto field = message.getHeader().begin(); field != message.getHeader().end(); ++field)
        if (field->getTag() != FIX::FIELD::BodyLength) values.header.emplace_back(field->getTag(), field->getString());
    for (auto field = message.begin(); field != message.end(); ++field) values.body.emplace_back(field->getTag(), field->getString());
    return values;
}

void read(const FIX::Message &message) {
    FIX::ClOrdID id;
    FIX::Symbol symbol;
    FIX::Side side;
    FIX::OrderQty quantity;
    FIX::Price price;
    FIX::TransactTime time;
    message.getField(id);
    message.getField(symbol);
    message.getField(side);
    message.getField(quantity);
    message.getField(price);
    message.getField(time);
    keep(id.getValue());
    keep(symbol.getValue());
    keep(side.getValue());
    keep(quantity.getValue());
    keep(price.getValue());
    keep(time.getValue());
}

void measure(const std::string &folder, const std::string &kind, int rounds, const FIX::DataDictionary *dictionary) {
    std::vector<std::string> texts = read_messages(folder + "/" + kind + ".fix");
    std::size_t bytes = 0;
    std::uint64_t hash = 0;
    FIX::Message message;
    std::vector<Values> values;
    for (const std::string &text : texts) {
        bytes += text.size();
        message.setString(text, true, dictionary);
        if (dictionary) dictionary->validate(message);
        hash += hash_message(message);
        values.push_back(values_of(message));
    }
    auto timed = [&](const char *operation, std::uint64_t hash) { return Timed{kind, operation, hash, texts.size(), bytes, rounds}; };
    timed("parse", hash).print([&](std::size_t index) {
        message.setString(texts[index], true);
        keep(message);
    });
    if (dictionary)
        timed("validate", hash).print([&](std::size_t index) {
            message.setString(texts[index], true, dictionary);
            dictionary->validate(message);
        });
    if (kind == "orders")
        timed("read", hash).print([&](std::size_t index) {
            message.setString(texts[index], true);
            read(message);
        });
    if (kind == "orders" || kind == "reports") {
        FIX::Message draft;
        std::string text;
        auto write = [&](std::size_t index) {
            for (const Value &value : values[index].header) value.set(draft.getHeader());
            for (const Value &value : values[index].body) value.set(draft);
            draft.toString(text);
        };
        std::uint64_t written = 0;
        for (std::size_t index = 0; index < texts.size(); ++index) {
            write(index);
            message.setString(text, true, dictionary);
            written += hash_message(message);
        }
        timed("encode", written).print([&](std::size_t index) {
            write(index);
            keep(text);
        });
    }
}

} // namespace

int main(int count, char **arguments) {
    if (count < 3) {
        std::fprintf(stderr, "usage: quickfix FOLDER ROUNDS [FIX44.xml]\n");
        return 2;
    }
    std::unique_ptr<FIX::DataDictionary> dictionary;
    if (count > 3) dictionary.reset(new FIX::DataDictionary(std::string(arguments[3])));
    for (const char *kind : {"orders", "reports", "books", "heartbeats"})
        measure(arguments[1], kind, std::atoi(arguments[2]), dictionary.get());
    return 0;
}

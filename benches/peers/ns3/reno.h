// TcpLinuxReno's growth, of which two rules can be switched off, to see how much of a difference in goodput is theirs.
// RENO_RULES names those that are off:
//   e  the acknowledgment that ends a recovery counts towards the growth of the window
//   c  what was counted towards the next increase survives a reduction of the window
#pragma once
#include "ns3/simulator.h"
#include "ns3/tcp-congestion-ops.h"
#include "ns3/tcp-socket-state.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace ns3 {

class TcpRenoRules : public TcpCongestionOps {
  public:
    static TypeId GetTypeId() {
        static TypeId id = TypeId("ns3::TcpRenoRules").SetParent<TcpCongestionOps>().AddConstructor<TcpRenoRules>();
        return id;
    }

    std::string GetName() const override { return "TcpRenoRules"; }

    void CongestionStateSet(Ptr<TcpSocketState>, const TcpSocketState::TcpCongState_t state) override {
        bool recovered = m_state == TcpSocketState::CA_RECOVERY || m_state == TcpSocketState::CA_LOSS;
        m_ends = recovered && state == TcpSocketState::CA_OPEN;
        m_state = state;
    }

    void IncreaseWindow(Ptr<TcpSocketState> socket, uint32_t acknowledged) override {
        bool ends = m_ends;
        m_ends = false;
        if (ends && IsOff('e')) {
            return;
        }
        uint32_t size = socket->m_segmentSize;
        if (socket->m_cWnd < socket->m_ssThresh) {
            uint32_t before = socket->m_cWnd;
            uint32_t after = std::min(before + acknowledged * size, socket->m_ssThresh.Get());
            acknowledged -= (after - before) / size;
            socket->m_cWnd = after;
        }
        if (socket->m_cWnd < socket->m_ssThresh || acknowledged == 0) {
            return;
        }
        uint32_t window = socket->m_cWnd / size;
        if (m_count >= window) {
            m_count = 0;
            socket->m_cWnd += size;
        }
        m_count += acknowledged;
        if (m_count >= window) {
            socket->m_cWnd += m_count / window * size;
            m_count %= window;
        }
    }

    uint32_t GetSsThresh(Ptr<const TcpSocketState> socket, uint32_t) override {
        if (IsOff('c')) {
            m_count = 0;
        }
        return std::max(2 * socket->m_segmentSize, socket->m_cWnd.Get() / 2);
    }

    Ptr<TcpCongestionOps> Fork() override { return CopyObject<TcpRenoRules>(this); }

  private:
    static bool IsOff(char rule) {
        static const char *rules = std::getenv("RENO_RULES");
        return rules && std::strchr(rules, rule);
    }

    uint32_t m_count{0};
    int m_state{0};
    bool m_ends{false};
};

NS_OBJECT_ENSURE_REGISTERED(TcpRenoRules);

} // namespace ns3
